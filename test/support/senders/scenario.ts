import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../eventually.js'
import {
  type Difference,
  differenceOf,
  type MirrorVerdict,
  missing,
  verdictOf,
} from './judgement.js'
import type { ReceivingSide } from './receiving-side.js'
import { JOBS, type SenderUnderTest } from './senders.js'

/** What happens to all senders. All times in seconds. */
export interface Plan {
  /** From the first scrapes of the mirrors to the end. */
  readonly seconds: number
  /** When one connection of each sender is held, and for how long. */
  readonly hold: { readonly at: number; readonly for: number }
  /** When one target of each sender fails, and for how long. */
  readonly failures: readonly { readonly at: number; readonly for: number }[]
  /** How late a mirror may be while nothing is held. */
  readonly lag: number
}

export interface SenderFindings {
  readonly sender: string
  /** What was sent, compared with what the second Prometheus has. */
  readonly stored: Difference
  /** The same, compared with what the sender itself has stored. */
  readonly own: Difference | undefined
  readonly mirrors: Readonly<Record<string, MirrorVerdict>>
  /** Times at which the result of a recording rule was missing. */
  readonly ruleGaps: readonly string[]
  readonly held: number
}

/** Runs a plan, and judges what the Prometheus servers have of each sender. */
export async function follow(
  plan: Plan,
  side: ReceivingSide,
  senders: readonly SenderUnderTest[],
): Promise<SenderFindings[]> {
  await eventually(async () => {
    for (const sender of senders)
      for (const job of JOBS) {
        const up = `up${sender.selector(job)} == 1`
        if ((await side.scraping.query(up)).length !== 1) throw new Error(`${up} is missing`)
      }
    for (const { name, storedAt } of senders)
      if (storedAt && !(await isRecorded(side, name))) throw new Error('no rule is mirrored')
  }, 240_000)
  const from = Date.now()
  const at = async (seconds: number, act: () => void) => {
    await delay(from + 1000 * seconds - Date.now())
    act()
  }
  const { hold, failures, seconds, lag } = plan
  await Promise.all([
    at(hold.at, () => senders.map(({ proxy }) => proxy.hold())),
    at(hold.at + hold.for, () => senders.map(({ proxy }) => proxy.release())),
    ...failures.flatMap(failure => [
      at(failure.at, () => fail(senders, true)),
      at(failure.at + failure.for, () => fail(senders, false)),
    ]),
    at(seconds, () => {}),
  ])
  const until = Date.now()
  // What was scraped until then is on its way.
  const findings: SenderFindings[] = []
  for (const sender of senders) {
    const stored = await settled(() => differenceOf(sender, side.stored.url, until - 2000))
    const { storedAt, name } = sender
    const mirrors: Record<string, MirrorVerdict> = {}
    const lagMs = 1000 * (lag + hold.for)
    for (const job of JOBS)
      mirrors[job] = await verdictOf(sender, job, side.scraping, { from, until, lagMs })
    findings.push({
      sender: name,
      stored,
      own: storedAt ? await settled(() => differenceOf(sender, storedAt, until - 2000)) : undefined,
      mirrors,
      ruleGaps: storedAt ? await missing(side.scraping, ruleOf(name), from, until) : [],
      held: sender.proxy.held,
    })
  }
  return findings
}

const fail = (senders: readonly SenderUnderTest[], isFailing: boolean) => {
  for (const { apps } of senders) apps.failing.isFailing = isFailing
}

const ruleOf = (name: string) => `job:scrape_number:sum{job="steady",prometheus="${name}"}`

const isRecorded = async ({ scraping }: ReceivingSide, name: string): Promise<boolean> =>
  (await scraping.query(ruleOf(name))).length === 1

/** The difference when nothing is missing, or after a while. */
async function settled(compare: () => Promise<Difference>): Promise<Difference> {
  let difference = await compare()
  for (let i = 0; i < 15 && difference.missing.length + difference.added.length > 0; i++) {
    await delay(1000)
    difference = await compare()
  }
  return difference
}
