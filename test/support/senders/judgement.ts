import type { LocalPrometheus } from '../../../dev/local/prometheus.js'
import { readStored } from './remote-read.js'
import { SERIES } from './scraped-app.js'
import type { JOBS, SenderUnderTest } from './senders.js'

const ONE = '000000000000f03f'
const ZERO = '0000000000000000'

/** A line of `WrittenSamples` without what is after a time, which comes last. */
const before = (until: number) => (line: string) =>
  Number(line.slice(line.lastIndexOf(' ') + 1)) <= until

export interface Difference {
  /** Samples that were sent. */
  readonly sent: number
  /** Samples that were sent and are not stored, and stored ones that were not sent. */
  readonly missing: readonly string[]
  readonly added: readonly string[]
}

/** How what a sender has sent until a time differs from what is stored, bit for bit. */
export async function differenceOf(
  sender: SenderUnderTest,
  storedAt: string,
  until: number,
): Promise<Difference> {
  const label = { name: 'prometheus', value: sender.name }
  const stored = await readStored(storedAt, label, 0, until)
  const sent = sender.capture.written.lines().filter(before(until))
  const found = stored.lines()
  const [sentSet, foundSet] = [new Set(sent), new Set(found)]
  return {
    sent: sent.length,
    missing: sent.filter(line => !foundSet.has(line)),
    added: found.filter(line => !sentSet.has(line)),
  }
}

/** An `up` of a sender. */
interface SentUp {
  /** Unix ms. */
  readonly time: number
  readonly isUp: boolean
}

/** What a sender has sent as `up` of a job, in order. */
function sentUps({ capture }: SenderUnderTest, job: string): SentUp[] {
  const ups: SentUp[] = []
  for (const [name, samples] of capture.written.series) {
    const labels = name.split(',')
    if (!labels.includes('__name__=up') || !labels.includes(`job=${job}`)) continue
    for (const [time, bits] of samples)
      if (bits === ONE || bits === ZERO) ups.push({ time, isUp: bits === ONE })
  }
  return ups.sort((a, b) => a.time - b.time)
}

export interface MirrorVerdict {
  /** Scrapes of the mirror. */
  readonly scrapes: number
  /** Times at which the mirror was down and its target had not been, ISO 8601. */
  readonly falselyDown: readonly string[]
  /** Times at which the mirror was up and its target had not been. */
  readonly falselyUp: readonly string[]
  /** Failures of the target, each of several scrapes, that the mirror has not shown. */
  readonly unseen: readonly string[]
  /** Times at which series of a target that is up were missing. */
  readonly gaps: readonly string[]
}

/**
 * Judges the scrapes of a mirror by the `up` that its sender has sent.
 *
 * @param from Unix ms, as `until`
 * @param lagMs how late the mirror may be
 */
export async function verdictOf(
  sender: SenderUnderTest,
  job: (typeof JOBS)[number],
  scraping: LocalPrometheus,
  { from, until, lagMs }: { readonly from: number; readonly until: number; readonly lagMs: number },
): Promise<MirrorVerdict> {
  const selector = sender.selector(job)
  const range = `[${Math.ceil((until - from) / 1000)}s]`
  const [scraped] = await scraping.samples(`up${selector}${range}`, until / 1000)
  const scrapes = (scraped?.values ?? []).map(([time, value]) => ({
    time: Math.round(time * 1000),
    isUp: value === '1',
  }))
  const ups = sentUps(sender, job)
  /** Whether the target had this state at some moment that the mirror may show at a time. */
  const couldBe = (isUp: boolean, time: number) => {
    const shown = ups.filter(up => up.time <= time)
    const current = shown.filter(up => up.time >= time - lagMs)
    const last = shown[shown.length - current.length - 1]
    return [...(last ? [last] : []), ...current].some(up => up.isUp === isUp)
  }
  const shownDown = (start: number, end: number) =>
    scrapes.some(({ time, isUp }) => !isUp && time >= start && time <= end + lagMs)
  const failures = failuresOf(ups).filter(({ start, end }) => start >= from && end + lagMs <= until)
  return {
    scrapes: scrapes.length,
    falselyDown: scrapes
      .filter(({ time, isUp }) => !isUp && !couldBe(false, time))
      .map(({ time }) => textOf(time)),
    falselyUp: scrapes
      .filter(({ time, isUp }) => isUp && !couldBe(true, time))
      .map(({ time }) => textOf(time)),
    unseen: failures
      .filter(({ start, end }) => !shownDown(start, end))
      .map(({ start, end }) => `${textOf(start)} to ${textOf(end)}`),
    gaps:
      job === 'timed'
        ? await missing(scraping, `own_time${selector}`, from, until)
        : await missing(
            scraping,
            `(up${selector} == 0) or on () (count(scrape_number${selector}) == ${SERIES})`,
            from,
            until,
          ),
  }
}

/** Times between two, each half second, at which a query has no result. */
export async function missing(
  server: LocalPrometheus,
  query: string,
  from: number,
  until: number,
): Promise<string[]> {
  const times = new Set<number>()
  const [start, end] = [Math.ceil(from / 1000), Math.floor(until / 1000)]
  for (const { values } of await server.queryRange(query, { start, end, step: 0.5 }))
    for (const [time] of values) times.add(time)
  const gaps: string[] = []
  for (let time = start; time <= end; time += 0.5)
    if (!times.has(time)) gaps.push(textOf(time * 1000))
  return gaps
}

/** Spans in which a target was down for several scrapes. */
function failuresOf(ups: readonly SentUp[]): { start: number; end: number }[] {
  const failures: { start: number; end: number; scrapes: number }[] = []
  let open: { start: number; end: number; scrapes: number } | undefined
  for (const { time, isUp } of ups) {
    if (isUp) open = undefined
    else if (open) {
      open.end = time
      open.scrapes++
    } else {
      open = { start: time, end: time, scrapes: 1 }
      failures.push(open)
    }
  }
  return failures.filter(({ scrapes }) => scrapes > 3)
}

const textOf = (time: number) => new Date(time).toISOString().slice(11, 23)
