import { expect, test } from 'vitest'
import { bookWritten } from '../../../exposer/core/booking.js'
import { prepareTarget, renderTarget } from '../../../exposer/core/render/target.js'
import { Shard } from '../../../exposer/core/shard.js'
import type { Steps } from '../../../shared/base/steps.js'
import { runNow } from '../../../shared/base/steps.js'
import type { Format } from '../../../shared/exposition/format.js'
import { LongestSteps } from '../../support/longest-step.js'
import { type MutatedRecord, RecordMutator } from '../../support/mutated-records.js'
import { expectNothingHeld, expectReferences } from '../../support/references.js'
import { massive } from '../../support/shard.js'

const RECORDS = Number(process.env.FUZZ_RECORDS ?? 20_000)
const SEED = Number(process.env.FUZZ_SEED ?? 1)
const PARTITIONS = 2
/** Maximum CPU time of one step, ms. */
const MOST_MS = 10
const REPEATS = 10
const OPENMETRICS: Format = { name: 'openmetrics-1.0.0', escaping: 'allow-utf-8' }

const instant = (ms: number) => ({ wall: ms, mono: ms })

/** Applies a record as the feed does. */
function* applySteps(shard: Shard, { partition, record }: MutatedRecord): Steps<void> {
  const now = instant(record.timestamp)
  let unread = shard.tryApply(partition, record, now)
  while (unread) {
    yield
    const read = yield* shard.read(unread)
    yield
    unread = shard.tryApply(partition, record, now, read)
  }
}

function shardWith(onRefused: (message: string) => void): Shard {
  const unlimited = { perSecond: 1e9, burst: 1e9 }
  return new Shard({
    playoutDelayMs: 0,
    historyBytes: 100_000,
    layoutBytes: 64 * 1024 * 1024,
    targetLayouts: unlimited,
    strangerLayouts: unlimited,
    onRefused: ({ reason, message }) => onRefused(`${reason}: ${message}`),
  })
}

/** Owns both partitions anew; the first records of one are a replay. */
function assign(shard: Shard, { record }: MutatedRecord): void {
  const now = instant(record.timestamp)
  const fresh = Array.from({ length: PARTITIONS }, (_, partition) => partition)
  shard.assign({ epoch: 1, partitionCount: PARTITIONS, kept: [], fresh, lost: [] }, now)
  shard.replay(0, record.offset, record.offset, now)
  shard.replay(1, record.offset, record.offset + 300, now)
}

/** Scrapes everything that a shard exposes. */
function scrapeAll(shard: Shard, ms: number): void {
  const now = instant(ms)
  const span = shard.history.open('p', now)!
  massive(shard, { view: 'all', format: OPENMETRICS, now, scraper: 'p', span })
  for (const target of shard.targets()) {
    const played = shard.judge(target, now).state === 'up' && shard.played(target, now)
    if (!played) continue
    const ready = runNow(prepareTarget(played, OPENMETRICS))
    for (const _ of renderTarget(played, ready, OPENMETRICS, now));
    bookWritten(played)
  }
}

/** The longest step of a record that took long once, when it is applied repeatedly, ms. */
function longestOf(suspect: MutatedRecord): number {
  const longest = new LongestSteps()
  for (let i = 0; i < REPEATS && (i < 2 || longest.ms >= MOST_MS); i++) {
    const shard = shardWith(() => {})
    assign(shard, suspect)
    longest.restart()
    longest.run(applySteps(shard, suspect))
  }
  return longest.ms
}

/**
 * `FUZZ_RECORDS` and `FUZZ_SEED` set another number of records and other ones.
 */
test(`${RECORDS} broken records: none throws, none holds the event loop, and nothing is held of them`, {
  timeout: 60_000 + RECORDS * 10,
}, () => {
  const refused = new Map<string, number>()
  const accepted = new Set<string>()
  let last = ''
  const shard = shardWith(message => {
    // An exception other than a refusal is counted as `schema`.
    if (message.startsWith('schema: ')) expect(message).toMatch(/^schema: the (record|schema) /)
    const [reason] = message.split(':')
    refused.set(reason, (refused.get(reason) ?? 0) + 1)
  })
  const mutator = new RecordMutator(SEED, PARTITIONS)
  const suspects: MutatedRecord[] = []
  for (let i = 0; i < RECORDS; i++) {
    const mutated = mutator.next()
    last = mutated.mutation
    if (i % 5000 === 0) {
      assign(shard, mutated)
      runNow(shard.releaseSteps())
    }
    const before = shard.counters.snapshots
    const longest = new LongestSteps()
    longest.run(applySteps(shard, mutated))
    if (longest.ms >= MOST_MS / 2) suspects.push(mutated)
    if (shard.counters.snapshots > before) accepted.add(last)
    const { offset, timestamp } = mutated.record
    if (i % 50 === 0) {
      for (const partition of [0, 1])
        shard.fetched(partition, offset + 1, offset + 1, instant(timestamp))
    }
    if (i % 500 === 0) {
      scrapeAll(shard, timestamp)
      shard.sweep(instant(timestamp))
      expectReferences(shard, false)
    }
  }
  const slow = suspects
    .map(suspect => ({ mutation: suspect.mutation, ms: longestOf(suspect) }))
    .filter(({ ms }) => ms >= MOST_MS)
  expect(slow).toEqual([])
  const lost = Array.from({ length: PARTITIONS }, (_, partition) => partition)
  const assignment = { epoch: 2, partitionCount: PARTITIONS, kept: [], fresh: [], lost }
  shard.assign(assignment, instant(0))
  runNow(shard.releaseSteps())
  expectNothingHeld(shard)
  // The records reach what they are to test.
  expect([...refused.keys()].sort()).toEqual(
    'codec duplicate_series incarnation key label layout limit order reserved schema truncated'.split(
      ' ',
    ),
  )
  expect([...refused.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(RECORDS / 4)
  expect(shard.counters.snapshots).toBeGreaterThan(RECORDS / 10)
  expect(accepted.size).toBeGreaterThan(10)
})
