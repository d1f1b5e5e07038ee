import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Results } from '../types.js'

/** Replaces the file atomically: readers see either the old or the new content. */
export async function writeAtomically(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  await writeFile(temporary, content)
  await rename(temporary, path)
}

/** JSON has no NaN: gaps in lines are written as null. */
export const writeResults = (path: string, results: Results) =>
  writeAtomically(path, `${JSON.stringify(results, null, 1)}\n`)

/** @throws Error with a remedy if the file is missing or not a results.json of the lab */
export async function readResults(path: string): Promise<Results> {
  const remedy = 'pass the path of a results.json that the lab wrote'
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new Error(`Cannot read ${path} (${(error as NodeJS.ErrnoException).code}): ${remedy}.`, {
      cause: error,
    })
  }
  let parsed: Results
  try {
    parsed = JSON.parse(text, nullToNaN)
  } catch (error) {
    throw new Error(`${path} is not JSON: ${remedy}.`, { cause: error })
  }
  if (parsed?.format !== 1 || !Array.isArray(parsed.experiments)) {
    throw new Error(
      `${path} is not in a results format that this version reads: ${remedy}, or run the lab again.`,
    )
  }
  return parsed
}

function nullToNaN(_key: string, value: unknown): unknown {
  if (!Array.isArray(value)) return value
  return value.map(item => (item === null ? Number.NaN : item))
}
