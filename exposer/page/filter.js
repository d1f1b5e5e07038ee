/**
 * A predicate on targets for a filter expression: terms separated by spaces, all of which must
 * match, ignoring case. A plain term matches labels, state, reason and shard. `name=value` matches
 * the label of that name, or `state`, `shard` or `partition`, by prefix.
 */
export function createFilter(expression) {
  const predicates = expression
    .trim()
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .map(createPredicate)
  return target => predicates.every(matches => matches(target))
}

function createPredicate(term) {
  const equals = term.indexOf('=')
  if (equals < 1) return target => target.text.includes(term)
  const name = term.slice(0, equals)
  const prefix = term.slice(equals + 1)
  return target => {
    const label = Object.keys(target.labels).find(key => key.toLowerCase() === name)
    const value = label === undefined ? target[name] : target.labels[label]
    return (
      value !== undefined &&
      String(value)
        .toLowerCase()
        .replace(/^https?:\/\//, '')
        .startsWith(prefix)
    )
  }
}

/** The text that plain terms are matched against. */
export function searchTextOf(target) {
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}=${value}`)
  return [
    ...labels,
    target.state,
    target.reason ?? '',
    target.warning ?? '',
    target.relayed ?? '',
    target.shard,
  ]
    .join('\n')
    .toLowerCase()
}
