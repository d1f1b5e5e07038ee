import { PROTOCOLS, type Protocol } from '../config/protocols.js'

/** How a body is read. */
export type BodyFormat = 'text' | 'openmetrics' | 'protobuf'

const FORMATS: Readonly<Record<string, BodyFormat>> = {
  'text/plain': 'text',
  'application/openmetrics-text': 'openmetrics',
  'application/vnd.google.protobuf': 'protobuf',
}

const MEDIA_TYPE = /^\s*([!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+)\s*(?:;.*)?$/is

/**
 * The format of a response.
 *
 * @returns the format, or why there is none, in Prometheus's words
 */
export function formatOf(
  contentType: string | undefined,
  fallback: Protocol | undefined,
): { format: BodyFormat } | { failure: string } {
  const mediaType = MEDIA_TYPE.exec(contentType ?? '')?.[1].toLowerCase()
  const format = mediaType === undefined ? undefined : FORMATS[mediaType]
  if (format) return { format }
  if (fallback) return { format: FORMATS[PROTOCOLS[fallback].split(';')[0]] }
  if (!contentType)
    return {
      failure:
        'non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target',
    }
  return {
    failure:
      mediaType === undefined
        ? `cannot parse Content-Type ${JSON.stringify(contentType)} and no fallback_scrape_protocol for target`
        : `received unsupported Content-Type ${JSON.stringify(contentType)} and no fallback_scrape_protocol specified for target`,
  }
}
