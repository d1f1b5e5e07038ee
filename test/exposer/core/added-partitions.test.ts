import { describe, expect, test } from 'vitest'
import { runNow } from '../../../shared/base/steps.js'
import { FakeApp } from '../../support/records.js'
import { expectNothingHeld } from '../../support/references.js'
import { FakeShard } from '../../support/shard.js'

const exposition = '# HELP x X.\n# TYPE x gauge\nx 1\n'
const apps = Array.from(
  { length: 40 },
  (_, i) => new FakeApp({ labels: { job: 'shop', instance: `app-${i}` }, intervalMs: 1000 }),
)

/** A shard with two partitions, to which two more are added. It keeps the first two. */
function grown() {
  const fake = new FakeShard(undefined, {}, 2)
  for (const app of apps) fake.publish(app, { exposition, collectedAt: fake.wall })
  expect(fake.shard.targetCount).toBe(apps.length)
  const grow = (fresh: readonly number[]) => {
    fake.shard.assign({ epoch: 2, partitionCount: 4, kept: [0, 1], fresh, lost: [] }, fake.now)
    runNow(fake.shard.releaseSteps())
    for (const partition of fresh) fake.shard.replay(partition, 0, 0, fake.now)
  }
  return { fake, grow }
}
const stay = apps.filter(app => app.partition(4) === app.partition(2))
const move = apps.filter(app => app.partition(4) !== app.partition(2))

describe('when partitions are added', () => {
  test('targets whose key belongs to another partition now leave at once, and no other', () => {
    const { fake, grow } = grown()
    expect(move.length).toBeGreaterThan(5)
    expect(stay.length).toBeGreaterThan(5)
    grow([])
    expect([...fake.shard.targets()].map(({ key }) => key).sort()).toEqual(
      stay.map(({ latin1Key }) => latin1Key).sort(),
    )
    expect(fake.shard.ledger.entry()).toMatchObject({
      published: apps.length,
      dropped: { moved: move.length },
    })
    expect(stay.map(app => fake.state(app))).toEqual(stay.map(() => 'up'))
  })

  test('a publisher that does not know it yet makes no target in the old partition', () => {
    const { fake, grow } = grown()
    grow([])
    fake.pass(1000)
    for (const app of move) {
      const record = app.record({ exposition, collectedAt: fake.wall })
      fake.shard.apply(app.partition(2), record, fake.now)
    }
    expect(fake.refusals).toEqual(move.map(() => 'partition'))
    expect(fake.shard.targetCount).toBe(stay.length)
  })

  test('targets are found in their new partition with their next snapshot', () => {
    const { fake, grow } = grown()
    grow([2, 3])
    fake.pass(1000)
    for (const app of apps) {
      const record = app.record({ exposition, collectedAt: fake.wall })
      fake.shard.apply(app.partition(4), record, fake.now)
    }
    expect(fake.refusals).toEqual([])
    expect(apps.map(app => fake.shard.find(app.latin1Key)!.partition)).toEqual(
      apps.map(app => app.partition(4)),
    )
  })

  test('nothing is held of the targets that have left', () => {
    const { fake, grow } = grown()
    grow([])
    fake.shard.assign({ epoch: 3, partitionCount: 4, kept: [], fresh: [], lost: [0, 1] }, fake.now)
    runNow(fake.shard.releaseSteps())
    expectNothingHeld(fake.shard)
  })
})
