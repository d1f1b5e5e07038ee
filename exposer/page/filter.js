/**
 * A test of targets from what was typed. Words must all be found, anywhere in labels, state, reason or shard; `name=value`
 * looks into that label, or into `state`, `shard` or `partition`, for what begins so.
 */
export function filterOf(query) {
  const tests = query.trim().toLowerCase().split(/\s+/).filter(Boolean).map(testOf)
  return target => tests.every(test => test(target))
}

function testOf(word) {
  const equals = word.indexOf('=')
  if (equals < 1) return target => target.text.includes(word)
  const name = word.slice(0, equals)
  const value = word.slice(equals + 1)
  return target => {
    const own = Object.keys(target.labels).find(label => label.toLowerCase() === name)
    const actual = own === undefined ? target[name] : target.labels[own]
    return (
      actual !== undefined &&
      String(actual)
        .toLowerCase()
        .replace(/^https?:\/\//, '')
        .startsWith(value)
    )
  }
}

/** All that a plain word is looked for in, made once per refresh. */
export function searchText(target) {
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}=${value}`)
  return [...labels, target.state, target.reason ?? '', target.shard].join('\n').toLowerCase()
}
