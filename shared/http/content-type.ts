/** A media type with its parameters; names in lower case. */
export interface ContentType {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
}

const MAX_LENGTH = 1024
const MAX_PARAMETERS = 16
const TYPE = /[ \t]*([!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+)[ \t]*/iy
const PARAMETER =
  /;[ \t]*(?:([!#$%&'*+.^_`|~0-9a-z-]+)=(?:([!#$%&'*+.^_`|~0-9a-z-]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*/iy

/**
 * Parses a Content-Type header in linear time; its length is bounded.
 *
 * @returns undefined if it is malformed, longer than 1,024 characters, has more than 16 parameters,
 *   or one of them twice
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.3
 */
export function parseContentType(header: string): ContentType | undefined {
  if (header.length > MAX_LENGTH) return undefined
  TYPE.lastIndex = 0
  const type = TYPE.exec(header)?.[1].toLowerCase()
  if (type === undefined) return undefined
  const parameters = new Map<string, string>()
  for (let at = TYPE.lastIndex; at < header.length; at = PARAMETER.lastIndex) {
    PARAMETER.lastIndex = at
    const match = PARAMETER.exec(header)
    if (!match) return undefined
    const [, name, token, quoted] = match
    // An empty parameter, as in `text/plain;`, is allowed.
    if (name === undefined) continue
    const key = name.toLowerCase()
    if (parameters.has(key) || parameters.size === MAX_PARAMETERS) return undefined
    parameters.set(key, token ?? quoted.replace(/\\(.)/g, '$1'))
  }
  return { type, parameters }
}
