/** Longer headers are not parsed: they would hold the event loop. */
const MAX_LENGTH = 8192

/**
 * Whether an Accept-Encoding header allows gzip and does not prefer identity. False for an empty
 * header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
 */
export function prefersGzip(acceptEncoding: string): boolean {
  if (acceptEncoding.length > MAX_LENGTH) return false
  const weights = new Map<string, number>()
  for (const item of acceptEncoding.split(',')) {
    const [coding, ...parameters] = item.split(';').map(part => part.trim().toLowerCase())
    const q = parameters.find(parameter => parameter.startsWith('q='))
    const weight = q === undefined ? 1 : Number(q.slice(2))
    weights.set(coding === 'x-gzip' ? 'gzip' : coding, Number.isNaN(weight) ? 0 : weight)
  }
  const gzip = weights.get('gzip') ?? weights.get('*') ?? 0
  return gzip > 0 && gzip >= (weights.get('identity') ?? 0)
}
