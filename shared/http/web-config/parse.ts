import type { z } from 'zod'
import { readDocument, YamlError } from '../../base/yaml/document.mjs'
import { findTlsConflicts } from './contradictions.js'
import { type WebConfigFile, webConfigFile } from './schema.js'

/** All problems of a file, one line each, with the path of the value if there is one. */
export class WebConfigError extends Error {
  override readonly name = 'WebConfigError'
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'))
  }
}

/**
 * Parses a web configuration file as strictly as Prometheus's exporter-toolkit: unknown keys are
 * errors.
 *
 * @throws WebConfigError
 * @see https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
 */
export function parseWebConfig(text: string): WebConfigFile {
  const value = contentOf(text)
  const result = webConfigFile.safeParse(value)
  const problems = [
    ...(result.success ? [] : result.error.issues.flatMap(describe)),
    ...findTlsConflicts((value as { tls_server_config?: unknown }).tls_server_config),
  ]
  if (problems.length || !result.success) throw new WebConfigError(problems)
  return result.data
}

/** Without keys that have no value, which the exporter-toolkit ignores. */
function contentOf(text: string): unknown {
  try {
    return readDocument(text) ?? {}
  } catch (error) {
    throw error instanceof YamlError ? new WebConfigError(error.problems) : error
  }
}

type Issue = z.core.$ZodIssue

function describe(issue: Issue): string[] {
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => `${path ? `${path}.` : ''}${key}: ${unknown(path, key)}`)
  }
  const message =
    issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message
  return [`${path || 'the file'}: ${message}`]
}

function unknown(path: string, key: string): string {
  if (path === '' && key === 'rate_limit') {
    return 'is not supported: use --web.max-connections to limit connections'
  }
  return path === 'http_server_config.headers' ? 'this header cannot be set' : 'unknown key'
}
