import { expect, test } from 'vitest'
import { RELAYED_RUNS } from '../../../shared/snapshot/relayed.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

test('records of a run that is of no interest take no memory, and advance the log time', () => {
  const fake = new FakeShard(1_700_000_000_000, {
    ignores: incarnation => incarnation === RELAYED_RUNS.mirror,
  })
  const mirror = new FakeApp({ labels: { job: 'a' }, incarnation: RELAYED_RUNS.mirror })
  const native = new FakeApp({ labels: { job: 'b' } })
  const exposition = '# TYPE x gauge\nx 1\n'
  fake.publish(native, { exposition, collectedAt: fake.wall })
  const { memory } = fake.shard.store
  const before = memory.bytes('targets')
  fake.silence(5000)
  fake.publish(mirror, { exposition, collectedAt: fake.wall, sequence: fake.wall })
  expect(fake.state(mirror)).toBe('unknown')
  expect(memory.bytes('targets')).toBe(before)
  expect(fake.shard.logTime(0)).toBe(fake.wall)
  expect(fake.refusals).toEqual([])
  expect(fake.state(native)).toBe('up')
})
