import type { z } from 'zod'

/** Problems of a configuration, one line each, with the path of the value. */
export class ScrapeConfigError extends Error {
  override readonly name = 'ScrapeConfigError'
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'))
  }
}

/** A path such as `scrape_configs[0].tls_config.ca_file`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map(key => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

/** @param prefix path of the value that was parsed */
export function describeIssue(
  issue: z.core.$ZodIssue,
  prefix: readonly PropertyKey[] = [],
): string[] {
  const path = [...prefix, ...issue.path]
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => `${pathText([...path, key])}: unknown key`)
  return [`${pathText(path) || 'the file'}: ${issue.message}`]
}
