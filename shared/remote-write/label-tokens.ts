const ESCAPES: Readonly<Record<string, string>> = { n: '\n', '"': '"', '\\': '\\' }

/** The name and labels of a series: `__name__`, its value, then name and value of each label. */
export type SeriesTokens = string[]

/**
 * Reads the text that `LayoutText` holds of a series: `name{a="b"`, `{"name",a="b"`, or `name`. The
 * text is well-formed, because this project has written it. It is UTF-8 in latin1 characters, and
 * so are the tokens.
 */
export function tokensOf(text: string): SeriesTokens {
  const brace = text.indexOf('{')
  const tokens = ['__name__', '']
  if (brace < 0) {
    tokens[1] = text
    return tokens
  }
  let at = brace + 1
  if (brace > 0) tokens[1] = text.slice(0, brace)
  while (at < text.length) {
    let name: string
    if (text[at] === '"') {
      const end = endOfQuoted(text, at)
      name = unquoted(text, at, end)
      at = end
      if (text[at] !== '=') {
        tokens[1] = name
        at++
        continue
      }
    } else {
      const equals = text.indexOf('=', at)
      name = text.slice(at, equals)
      at = equals
    }
    const end = endOfQuoted(text, at + 1)
    tokens.push(name, unquoted(text, at + 1, end))
    at = end + 1
  }
  return tokens
}

/** @returns the index after the closing quote */
function endOfQuoted(text: string, at: number): number {
  let i = at + 1
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i + 1
}

function unquoted(text: string, at: number, end: number): string {
  const inner = text.slice(at + 1, end - 1)
  return inner.includes('\\') ? inner.replace(/\\(.)/gs, (_, c: string) => ESCAPES[c] ?? c) : inner
}
