import { fileURLToPath } from 'node:url'
import parsePrometheusTextFormat from 'parse-prometheus-text-format'
import { runNow } from '../../shared/base/steps.js'
import { familyLines } from '../../shared/exposition/family-lines.js'
import { TEXT } from '../../shared/exposition/format.js'
import { layoutTextSteps } from '../../shared/exposition/layout-text.js'
import { NO_LABELS, seriesLines } from '../../shared/exposition/series-lines.js'
import { TextReader } from '../../shared/metrics/text/reader.js'
import { median, type Row, spread, table } from './table.js'
import { httpService } from './workload.js'

/**
 * CPU time of a measurement, and number of measurements. Cases are interleaved, so that all have
 * the same conditions.
 */
const MEASURE_MS = 200
const ROUNDS = 7
const PAGES = 8

/** Consecutive pages of a target, in the format of an application. */
function pagesOf(series: number, pages: number): Buffer[] {
  const { layout, fill } = httpService(series)
  const text = runNow(layoutTextSteps(layout, TEXT.escaping, new Set()))
  const values = new Float64Array(series)
  return Array.from({ length: pages }, (_, round) => {
    fill(values, 1, 1000 + round)
    let lines = ''
    let from = 0
    for (const family of layout.families) {
      const to = from + family.series.length
      lines += familyLines({ ...family, counterSuffix: '_total' }, TEXT)
      lines += seriesLines(values, text, { from, to }, NO_LABELS, null, null)
      from = to
    }
    return Buffer.from(`${lines.slice(1)}\n`, 'latin1')
  })
}

interface Case {
  readonly work: string
  readonly goal?: string
  readonly note?: string
  run(page: Buffer): void
}

/** MB per CPU-second. */
function measure({ run }: Case, pages: readonly Buffer[]): number {
  const before = process.cpuUsage()
  let bytes = 0
  let spent = 0
  for (let i = 0; spent < MEASURE_MS * 1000; i++) {
    const page = pages[i % pages.length]
    run(page)
    bytes += page.length
    const { user, system } = process.cpuUsage(before)
    spent = user + system
  }
  return bytes / spent
}

/**
 * CPU-ms of each step of reading a first page, including the threads of the garbage collector.
 */
function stepsOf(page: Buffer): number[] {
  const steps = new TextReader('scrape').readInSteps(page)
  const spent: number[] = []
  for (;;) {
    const before = process.cpuUsage()
    const { done } = steps.next()
    const { user, system } = process.cpuUsage(before)
    spent.push((user + system) / 1000)
    if (done) return spent
  }
}

/**
 * Measures reading of text expositions, with and without a previous page, in comparison with
 * another parser.
 */
export async function run(): Promise<Row[]> {
  const pages = pagesOf(10_000, PAGES)
  const [large] = pagesOf(50_000, 1)
  const reader = new TextReader('scrape')
  const shape = `text of 10,000 series, ${(pages[0].length / 1e6).toFixed(2)} MB`
  const cases: Case[] = [
    {
      work: `read ${shape}, unchanged layout`,
      goal: '≥ 100 MB/CPU-s',
      run: page => void reader.read(page),
    },
    { work: `read ${shape}, first page`, run: page => void new TextReader('scrape').read(page) },
    {
      work: `read ${shape}, parse-prometheus-text-format`,
      note: 'to objects, values as strings',
      run: page => void parsePrometheusTextFormat(page.toString()),
    },
  ]
  for (const work of cases) measure(work, pages) // Warm-up.
  const figures = cases.map(() => [] as number[])
  const steps: number[][] = []
  for (let round = 0; round < ROUNDS; round++) {
    cases.forEach((work, i) => void figures[i].push(measure(work, pages)))
    steps.push(stepsOf(large))
  }
  const rows = cases.map(({ work, goal, note }, i) => ({
    work,
    figure: `${spread(figures[i], median(figures[i]) < 10 ? 2 : 0)} MB/CPU-s`,
    goal,
    note,
  }))
  // Garbage collection hits a different step in each round, so the minimum of a step is its own
  // work.
  const own = steps[0].map((_, step) => Math.min(...steps.map(spent => spent[step])))
  const withCollector = spread(steps.map(spent => Math.max(...spent)))
  return [
    ...rows,
    {
      work: `longest step of a first page of 50,000 series, ${(large.length / 1e6).toFixed(1)} MB`,
      figure: `${Math.max(...own).toFixed(1)} CPU-ms`,
      goal: '≤ 10 ms',
      note: `including garbage collection on all threads: ${withCollector}`,
    },
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(await run()))
