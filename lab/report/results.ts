import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Results } from '../types.js'

/** Writes all of the file or nothing of it: who looks in between sees the old one. */
export async function writeWhole(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const unfinished = `${path}.${process.pid}.tmp`
  await writeFile(unfinished, content)
  await rename(unfinished, path)
}

/** JSON has no NaN: gaps in lines and figures are null there. */
export const writeResults = (path: string, results: Results) =>
  writeWhole(path, `${JSON.stringify(results, null, 1)}\n`)

/** @throws Error that says what to do, when this is no results.json of the lab */
export async function readResults(path: string): Promise<Results> {
  const advice = 'give the path of a results.json that the lab wrote'
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new Error(`Cannot read ${path} (${(error as NodeJS.ErrnoException).code}): ${advice}.`, {
      cause: error,
    })
  }
  let parsed: Results
  try {
    parsed = JSON.parse(text, reviveGaps)
  } catch (error) {
    throw new Error(`${path} is not JSON: ${advice}.`, { cause: error })
  }
  if (parsed?.format !== 1 || !Array.isArray(parsed.experiments)) {
    throw new Error(`${path} holds no results that this version knows: ${advice}, or run the lab again.`)
  }
  return parsed
}

function reviveGaps(_key: string, value: unknown): unknown {
  if (!Array.isArray(value)) return value
  return value.map(one => (one === null ? Number.NaN : one))
}
