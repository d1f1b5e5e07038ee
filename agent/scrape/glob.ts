import { readdirSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * Files whose last path element matches a pattern with `*`, sorted. A path without one is itself,
 * whether it exists or not. A folder that cannot be read has no files.
 */
export function filesOf(pattern: string): string[] {
  if (!isPattern(pattern)) return [pattern]
  try {
    return matching(pattern, readdirSync(dirname(pattern)))
  } catch {
    return []
  }
}

/**
 * As `filesOf`.
 *
 * @throws Error of the system if the folder exists and cannot be read
 */
export async function findFiles(pattern: string): Promise<string[]> {
  if (!isPattern(pattern)) return [pattern]
  try {
    return matching(pattern, await readdir(dirname(pattern)))
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** Whether an error says that a file or a folder does not exist. */
export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

const isPattern = (path: string) => /[*?]/.test(basename(path))

function matching(pattern: string, entries: readonly string[]): string[] {
  const source = basename(pattern)
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.')
  const matches = new RegExp(`^${source}$`, 's')
  const folder = dirname(pattern)
  return entries
    .filter(entry => matches.test(entry))
    .sort()
    .map(entry => join(folder, entry))
}
