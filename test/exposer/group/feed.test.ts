import { describe, expect, test } from 'vitest'
import { Shard } from '../../../exposer/core/shard.js'
import { Changes } from '../../../exposer/group/changes.js'
import { Feed } from '../../../exposer/group/feed.js'
import { Handovers } from '../../../exposer/group/handovers.js'
import { systemClock } from '../../../shared/base/clock.js'
import { nextTurn } from '../../../shared/base/scheduling.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import { recordOf } from '../../support/layout-record.js'
import { EXPENSIVE_LAYOUTS, simpleLayout } from '../../support/layouts.js'
import { expectNothingHeld } from '../../support/references.js'

const large = EXPENSIVE_LAYOUTS['equal labels'](2)

/** Jobs of which the records belong to partition 0 and 1 of 2. */
const JOBS = [
  ['a', 'd'],
  ['b', 'c'],
]

function setting() {
  const refused: string[] = []
  const shard = new Shard({
    playoutDelayMs: 0,
    onRefused: ({ reason, message }) => refused.push(`${reason}: ${message}`),
  })
  const feed = new Feed({
    shard,
    clock: systemClock,
    changes: new Changes(),
    isDrained: () => true,
    events: {
      onGroupChange() {},
      onRebalance() {},
      onReplayed() {},
      onFetchAnswered() {},
      onReadBack() {},
      onPastRecords() {},
      onHandover() {},
    },
    readBack: null,
    handovers: new Handovers(shard),
    fetchHandover: () => Promise.reject(new Error('there is no previous owner')),
  })
  const assign = (fresh: number[], lost: number[] = []) => {
    feed.onAssignment({ epoch: 1, partitionCount: 2, kept: [], fresh, lost, previous: new Map() })
    for (const partition of fresh) feed.onReplay(partition, 0, 0)
  }
  assign([0, 1])
  let sequence = 0
  const start = Date.now()
  const record = (job: string, layout = simpleLayout(1)) => {
    sequence++
    return recordOf(layout, { job, sequence, offset: sequence, collectedAt: start + sequence })
  }
  const applied = () => shard.counters.snapshots
  return { shard, feed, assign, record, applied, refused }
}

/** The turns of the event loop until the promise is settled. */
async function turnsUntil(promise: Promise<unknown>): Promise<number> {
  let settled = false
  promise.finally(() => {
    settled = true
  })
  let turns = 0
  for (; !settled; turns++) await nextTurn()
  return turns
}

describe('the records of a shard', () => {
  test('a large layout of one partition does not delay another partition', async () => {
    const { feed, record, applied, refused } = setting()
    const slow = feed.onRecords(0, [record(JOBS[0][0], large)])
    const turns = await turnsUntil(feed.onRecords(1, [record(JOBS[1][0])]))
    expect([refused, applied()]).toEqual([[], 1])
    expect(turns).toBeLessThan(6)
    await slow
    expect([refused, applied()]).toEqual([[], 2])
  })

  test('the records of one partition stay in order while a layout is read', async () => {
    const { shard, feed, record, refused } = setting()
    const [job] = JOBS[0]
    const order: number[] = []
    shard.subscribe(
      {
        onState() {},
        onUnreadable() {},
        onLeft() {},
        onApplied: ({ sequence }) => order.push(sequence),
      },
      systemClock.now(),
    )
    const records = [record(job), record(job, large), record(job), record(job, simpleLayout(2))]
    await feed.onRecords(0, records)
    expect([refused, order]).toEqual([[], [1, 2, 3, 4]])
  })

  test('a layout that two partitions have is read once', async () => {
    const { shard, feed, record, refused } = setting()
    let reads = 0
    const { read } = shard
    shard.read = unread => {
      reads++
      return read.call(shard, unread)
    }
    await Promise.all(
      [0, 1].map(partition => feed.onRecords(partition, [record(JOBS[partition][0], large)])),
    )
    expect([refused, reads, shard.counters.snapshots]).toEqual([[], 1, 2])
  })

  test('wrong bytes under the id of a layout do not refuse the layout of another partition', async () => {
    const { shard, feed, record, refused } = setting()
    const wrong = record(JOBS[0][0], large)
    const reader = new SnapshotReader()
    reader.open(wrong.value!)
    reader.layout()[20] ^= 1
    const right = record(JOBS[1][0], large)
    await Promise.all([feed.onRecords(0, [wrong]), feed.onRecords(1, [right])])
    const again = record(JOBS[1][1], large)
    await feed.onRecords(1, [again])
    expect([refused.length, shard.counters.snapshots]).toEqual([1, 2])
  })

  test('a partition that is lost while a layout is read gets no record, also if it returns', async () => {
    const { shard, feed, assign, record, applied } = setting()
    const delivery = feed.onRecords(0, [record(JOBS[0][0], large)])
    await nextTurn()
    assign([], [0])
    assign([0])
    await delivery
    expect(applied()).toBe(0)
    assign([], [0, 1])
    await turnsUntil(feed.sweep())
    expectNothingHeld(shard)
  })
})
