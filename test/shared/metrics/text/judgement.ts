import { readFileSync } from 'node:fs'
import { TextReader } from '../../../../shared/metrics/text/reader.js'
import { ExpositionRefused } from '../../../../shared/metrics/text/refusal.js'
import { type Case, pageOf } from './collection.js'
import { spellAll } from './spelling.js'

/** Why a page is refused, or its samples, spelled and sorted. */
export type Judgement = string | readonly string[]

const READINGS = {
  'scrape text': (case_: Case) => new TextReader('scrape').read(pageOf(case_, false), 'text'),
  'scrape openmetrics': (case_: Case) =>
    new TextReader('scrape').read(pageOf(case_, true), 'openmetrics'),
  push: (case_: Case) => new TextReader('push').read(pageOf(case_, false)),
  openmetrics: (case_: Case) => new TextReader('openmetrics').read(pageOf(case_, true)),
} as const
export type JudgedDialect = keyof typeof READINGS
export const JUDGED_DIALECTS = Object.keys(READINGS) as JudgedDialect[]

export function keyOf({ group, text }: Case): string {
  return JSON.stringify([group, text])
}

/** What the real readers said, as it was recorded: see `docs/expositions.md`. */
export const VERDICTS: ReadonlyMap<string, Readonly<Record<JudgedDialect, Judgement>>> = new Map(
  readFileSync(new URL('verdicts.jsonl', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
    .map(({ group, text, ...said }) => [keyOf({ group, text }), said]),
)

export function ours(dialect: JudgedDialect, case_: Case): Judgement {
  try {
    return spellAll(READINGS[dialect](case_))
  } catch (error) {
    if (error instanceof ExpositionRefused) return error.message
    throw error
  }
}

/** Both refuse, for whatever reason, or both read the same. */
export function agree(a: Judgement, b: Judgement): boolean {
  if (typeof a === 'string' || typeof b === 'string') return typeof a === typeof b
  return JSON.stringify(a) === JSON.stringify(b)
}
