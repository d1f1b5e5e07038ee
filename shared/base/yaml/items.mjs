// Plain JavaScript, because a thread runs it too: from the sources as from the build.

/** What may refer to or change another place: anchors, aliases, tags, complex keys. */
const REFERENCE = /(^|[\s[{,])([&*!]\S|\? )/m
/** Directives, boundaries of documents, and tabs as indentation. */
const UNUSUAL = /^(%|---|\.\.\.| *\t)/m
const LIST_KEY = /^([A-Za-z]\w*):\s*(#.*)?$/
const ITEM = /^ *-(\s|$)/
const EMPTY = /^\s*(#.*)?$/

/** Declared in items.d.mts. */
export function itemsOf(text) {
  const content = text.replace(/^---\s*\n/, '\n')
  if (REFERENCE.test(content) || UNUSUAL.test(content)) return undefined
  const lines = content.split('\n')
  const first = nextContent(lines, 0)
  if (ITEM.test(lines[first])) {
    const list = listAt(lines, first)
    return list?.end === lines.length
      ? { rest: '', lists: [{ key: '', items: list.items }] }
      : undefined
  }
  const rest = []
  const lists = []
  for (let at = 0; at < lines.length; ) {
    const [, key] = LIST_KEY.exec(lines[at]) ?? []
    rest.push(lines[at++])
    const start = nextContent(lines, at)
    if (key === undefined || !ITEM.test(lines[start])) continue
    const list = listAt(lines, start)
    if (!list) return undefined
    lists.push({ key, items: list.items })
    at = list.end
  }
  return lists.length > 0 ? { rest: rest.join('\n'), lists } : undefined
}

/**
 * The list whose first item is in a line, and the line after it. Items begin at the indentation of
 * the first one. What is in an item has a larger one, so that nothing else can look like an item.
 *
 * @returns undefined if a line belongs neither to the list nor to the top
 */
function listAt(lines, start) {
  const indentation = indentationOf(lines[start])
  const items = []
  let from = start
  let at = start + 1
  for (; at < lines.length; at++) {
    const line = lines[at]
    if (EMPTY.test(line) || indentationOf(line) > indentation) continue
    if (indentationOf(line) < indentation || !ITEM.test(line)) break
    items.push(`${lines.slice(from, at).join('\n')}\n`)
    from = at
  }
  const isLast = at === lines.length
  items.push(lines.slice(from, at).join('\n') + (isLast ? '' : '\n'))
  return !isLast && indentationOf(lines[at]) > 0 ? undefined : { items, end: at }
}

const indentationOf = line => /^ */.exec(line)[0].length

/** @returns the number of lines if there is no more */
function nextContent(lines, from) {
  let at = from
  while (at < lines.length && EMPTY.test(lines[at])) at++
  return at
}
