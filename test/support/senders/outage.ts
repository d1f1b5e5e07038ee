import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../eventually.js'
import { type Difference, differenceOf } from './judgement.js'
import type { ReceivingSide } from './receiving-side.js'
import type { SenderUnderTest } from './senders.js'

export interface OutageFindings {
  /** Time from the cut until the mirror was down, seconds. */
  readonly downAfter: number
  /** Time from the end of the outage until the mirror was up, and until everything had arrived. */
  readonly upAfter: number
  readonly caughtUpAfter: number
  /** Why the mirror was down, without numbers. */
  readonly reasons: readonly string[]
  readonly stored: Difference
}

const CATCH_UP_MS = 120_000

/** Cuts a sender off for a while. What it scrapes meanwhile has to arrive. */
export async function cutOff(
  side: ReceivingSide,
  sender: SenderUnderTest,
  forMs: number,
): Promise<OutageFindings> {
  const up = `up${sender.selector('steady')}`
  const becomes = (value: string, within: number) =>
    eventually(async () => {
      const [sample] = await side.scraping.query(up)
      if (sample?.value[1] !== value) throw new Error(`${up} is ${sample?.value[1]}`)
    }, within)
  await becomes('1', 60_000)
  const reasons = new Set<string>()
  let isWatching = true
  const watching = (async () => {
    for (; isWatching; await delay(250)) {
      for (const { labels, lastError } of await side.scraping.targets()) {
        if (labels.job !== 'steady' || lastError === '') continue
        const reason = await fetch(
          `${side.exposer.url}/target?${new URLSearchParams({ job: 'steady', prometheus: sender.name, instance: labels.instance! })}`,
        )
        const text = await reason.text()
        if (reason.status === 503) reasons.add(text.trim().replace(/[\d.]+/g, 'N'))
      }
    }
  })()
  const cutAt = performance.now()
  sender.proxy.cut()
  await becomes('0', forMs)
  const downAfter = (performance.now() - cutAt) / 1000
  await delay(Math.max(0, forMs - (performance.now() - cutAt)))
  const until = Date.now()
  const restoredAt = performance.now()
  sender.proxy.restore()
  let stored = await differenceOf(sender, side.stored.url, until)
  const comparing = (async () => {
    while (stored.missing.length > 0 && performance.now() < restoredAt + CATCH_UP_MS) {
      await delay(500)
      stored = await differenceOf(sender, side.stored.url, until)
    }
    return (performance.now() - restoredAt) / 1000
  })()
  await becomes('1', CATCH_UP_MS)
  const upAfter = (performance.now() - restoredAt) / 1000
  const caughtUpAfter = await comparing
  isWatching = false
  await watching
  return { downAfter, upAfter, caughtUpAfter, reasons: [...reasons].sort(), stored }
}
