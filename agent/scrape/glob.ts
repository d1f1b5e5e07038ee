import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Files whose last path element matches a pattern with `*`, sorted. A path without one is itself,
 * whether it exists or not.
 */
export function filesOf(pattern: string): string[] {
  const name = basename(pattern)
  if (!/[*?]/.test(name)) return [pattern]
  const folder = dirname(pattern)
  const source = name
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.')
  const matches = new RegExp(`^${source}$`, 's')
  try {
    return readdirSync(folder)
      .filter(entry => matches.test(entry))
      .sort()
      .map(entry => join(folder, entry))
  } catch {
    return []
  }
}
