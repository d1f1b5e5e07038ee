import { describe, expect, test } from 'vitest'
import type { TextVariant } from '../../../../exposer/core/store/text-variant.js'
import { runNow } from '../../../../shared/base/steps.js'
import { FakeApp } from '../../../support/records.js'
import { expectReferences } from '../../../support/references.js'
import { FakeShard } from '../../../support/shard.js'

const gauge = (name: string, series: number, value = 1) =>
  `# HELP ${name} H.\n# TYPE ${name} gauge\n${Array.from({ length: series }, (_, i) => `${name}{i="${i}"} ${value}\n`).join('')}`

const setting = () => {
  const shard = new FakeShard(undefined, { playoutDelayMs: 0 })
  const app = new FakeApp({ intervalMs: 1000 })
  const { store } = shard.shard
  const publish = (exposition: string) => {
    shard.pass(1000)
    shard.publish(app, { exposition, collectedAt: shard.wall })
    return shard.shard.find(app.latin1Key)!.newest!
  }
  return { shard, app, store, publish }
}

describe('the store', () => {
  test('uses the arrays of released snapshots again, also after the layout has changed', () => {
    const { publish } = setting()
    for (const series of [10, 20]) {
      for (let i = 0; i < 3; i++) publish(gauge('x', series))
      const seen = new Set<Float64Array>()
      for (let i = 0; i < 20; i++) seen.add(publish(gauge('x', series, i)).parts[0].values!)
      expect(seen.size).toBeLessThanOrEqual(3)
    }
  })

  test('uses nothing again that somebody holds, and everything once nobody does', () => {
    const { shard, store, publish } = setting()
    const first = publish(gauge('x', 10, 1))
    store.acquire(first)
    store.acquire(first)
    for (let i = 2; i < 10; i++) publish(gauge('x', 10, i))
    store.release(first)
    expect([...new Set(first.parts[0].values!)]).toEqual([1])
    store.release(first)
    expect(first.parts[0].values).toBeNull()
    expectReferences(shard.shard, true)
  })

  test('refuses to release what was not acquired, and changes nothing then', () => {
    const { shard, store, publish } = setting()
    const first = publish(gauge('x', 10))
    publish(gauge('x', 10))
    const before = store.memory.byKind()
    expect(() => store.release(first)).toThrow('more often than it was acquired')
    expect(() => store.release(first.parts[0])).toThrow('more often than it was acquired')
    expect(store.memory.byKind()).toEqual(before)
    expectReferences(shard.shard, true)
  })

  test('keeps the layout of a held snapshot in use and in the family index', () => {
    const { shard, store, publish } = setting()
    const first = publish(gauge('x', 10))
    store.acquire(first)
    publish(gauge('y', 10))
    publish(gauge('y', 10))
    const names = () => runNow(store.families.familiesSteps('text')).map(([name]) => name)
    expect(names()).toEqual(['x', 'y'])
    store.release(first)
    expect(names()).toEqual(['y'])
    const { layouts, cached_layouts } = store.memory.byKind()
    expect(cached_layouts).toBeGreaterThan(0)
    expect(layouts).toBeGreaterThan(0)
    expectReferences(shard.shard, true)
  })

  test('counts the texts that a layout gets when it is rendered, and keeps some of them only', () => {
    const { shard, store, publish } = setting()
    const before = store.memory.byKind().layouts
    const { layout } = publish(
      `# HELP x H.\n# TYPE x gauge\nx{${Array.from({ length: 20 }, (_, i) => `l${i + 10}="v"`).join(',')}} 1\n`,
    ).parts[0]
    const plain = store.memory.byKind().layouts
    const sizes = Array.from({ length: 20 }, (_, i) => {
      const text = layout.text('underscores', new Set([`l${i + 10}`])) as TextVariant
      expect([...text.pieces({ from: 0, to: 1 })].map(piece => piece.text.blocks)).toEqual([
        [expect.stringContaining(`exported_l${i + 10}="v"`)],
      ])
      return store.memory.byKind().layouts
    })
    expect(plain).toBeGreaterThan(before)
    expect(sizes[0]).toBeGreaterThan(plain)
    expect(sizes[15]).toBeGreaterThan(sizes[14])
    expect(sizes[19]).toBe(sizes[15])
    expectReferences(shard.shard, true)
  })

  test('counts exemplars, and the reason of a failed collection', () => {
    const { shard, app, store, publish } = setting()
    const exemplars = [
      {
        series: 0,
        labels: [{ name: 'trace_id', value: 'x'.repeat(50) }],
        value: 1,
        timestamp: null,
      },
    ]
    shard.publish(app, { exposition: gauge('x', 1), collectedAt: shard.wall, exemplars })
    expect(store.memory.byKind().exemplars).toBeGreaterThan(58)
    publish(gauge('x', 1))
    publish(gauge('x', 1))
    expect(store.memory.byKind().exemplars).toBe(0)
    shard.pass(1000)
    shard.fail(app, 'y'.repeat(1000))
    expect(store.memory.byKind().values).toBeGreaterThan(1000)
    expectReferences(shard.shard, true)
  })
})

test('a sweep goes in steps, and records, moves and other sweeps between them do no harm', () => {
  const shard = new FakeShard(undefined, { forgetMs: 10_000 }, 2)
  const apps = Array.from(
    { length: 2500 },
    (_, i) => new FakeApp({ labels: { job: `${i}` }, intervalMs: 1000 }),
  )
  for (const app of apps) shard.publish(app, { exposition: gauge('x', 1), collectedAt: shard.wall })
  shard.pass(20_000)
  const steps = shard.shard.sweepSteps(shard.now)
  expect(steps.next().done).toBe(false)
  expect(shard.shard.targetCount).toBeGreaterThan(0)
  shard.publish(apps[2400], { exposition: gauge('x', 1), collectedAt: shard.wall })
  shard.shard.assign({ epoch: 2, partitionCount: 2, kept: [0], fresh: [], lost: [1] }, shard.now)
  while (!steps.next().done);
  shard.shard.sweep(shard.now)
  const left = [...shard.shard.targets()].map(target => target.key)
  expect(left).toEqual(apps[2400].partition(2) === 0 ? [apps[2400].latin1Key] : [])
  expectReferences(shard.shard, true)
})
