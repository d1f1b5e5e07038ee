/** Supported exposition formats. */
export const FORMAT_NAMES = ['text-0.0.4', 'text-1.0.0', 'openmetrics-1.0.0'] as const
export type FormatName = (typeof FORMAT_NAMES)[number]

/**
 * How names are written that are not valid in the legacy character set: quoted, or with underscores
 * instead of invalid characters.
 *
 * @see https://github.com/prometheus/docs/blob/main/docs/instrumenting/escaping_schemes.md
 */
export type Escaping = 'allow-utf-8' | 'underscores'

export interface Format {
  readonly name: FormatName
  readonly escaping: Escaping
}

export const TEXT: Format = { name: 'text-0.0.4', escaping: 'underscores' }

export function contentType(format: Format): string {
  const escaping = `; escaping=${format.escaping}`
  if (format.name === 'openmetrics-1.0.0') {
    return `application/openmetrics-text; version=1.0.0; charset=utf-8${escaping}`
  }
  return format.name === 'text-1.0.0'
    ? `text/plain; version=1.0.0; charset=utf-8${escaping}`
    : `text/plain; version=0.0.4; charset=utf-8${escaping}`
}
