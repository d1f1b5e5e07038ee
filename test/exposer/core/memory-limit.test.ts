import { describe, expect, test } from 'vitest'
import type { MemoryLimits } from '../../../exposer/core/store/memory.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const KIB = 1024

function exposition(families: number, series = 1, value = 1): string {
  let text = ''
  for (let f = 0; f < families; f++) {
    text += `# TYPE family_${f} gauge\n`
    for (let s = 0; s < series; s++) text += `family_${f}{s="${s}"} ${value}\n`
  }
  return text
}

const appOf = (instance: string, partBytes?: number) =>
  new FakeApp({ labels: { job: 'shop', instance }, intervalMs: 60_000, partBytes })

function setting(limits: Partial<MemoryLimits> = {}) {
  const memory = { heap: 100 * KIB, total: 100 * KIB, ...limits }
  const fake = new FakeShard(undefined, { playoutDelayMs: 0, memory })
  const publish = (app: FakeApp, text: string) => {
    fake.pass(100)
    fake.publish(app, { exposition: text, collectedAt: fake.wall })
  }
  return { fake, publish, memory: fake.shard.store.memory }
}

describe('at the memory limit', () => {
  test('a new target is refused, and those that are known go on', () => {
    const { fake, publish, memory } = setting()
    const apps = Array.from({ length: 100 }, (_, i) => appOf(`${i}`))
    for (const app of apps) publish(app, exposition(1))
    const known = fake.shard.targetCount
    expect(known).toBeGreaterThan(10)
    expect(known).toBeLessThan(100)
    expect(fake.refusals).toEqual(Array.from({ length: 100 - known }, () => 'limit'))
    for (let round = 0; round < 5; round++) {
      for (const app of apps.slice(0, known)) publish(app, exposition(1, 1, round))
      expect(new Set(apps.slice(0, known).map(app => fake.state(app)))).toEqual(new Set(['up']))
      expect(memory.exceeded).toBe(false)
    }
  })

  test('in a replay too, and after it: what was not decoded yet keeps its place', () => {
    const { fake, publish, memory } = setting()
    fake.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, fake.now)
    fake.shard.replay(0, 0, 1e6, fake.now)
    const known = Array.from({ length: 10 }, (_, i) => appOf(`known-${i}`))
    const round = (text: string) => {
      for (const app of known) publish(app, text)
    }
    round(exposition(5, 4))
    for (let i = 0; i < 100; i++) publish(appOf(`new-${i}`), exposition(1))
    const before = fake.refusals.length
    expect(before).toBeGreaterThan(10)
    // Other values, whose encoded size differs a little, and times of their own.
    for (let i = 0; i < 5; i++) round(exposition(5, 4, i / 3))
    round(exposition(5, 4, 7).replaceAll(' 7\n', ' 7 1700000000000\n'))
    fake.shard.fetched(0, 1e6, 1e6, fake.now)
    for (const app of known) expect(fake.target(app)).toContain('family_4{s="3"} 7\n')
    for (let i = 0; i < 5; i++) round(exposition(5, 4, i / 3))
    expect(fake.refusals.length).toBe(before)
    expect(new Set(known.map(app => fake.state(app)))).toEqual(new Set(['up']))
    expect(memory.used.heap).toBeLessThan(110 * KIB)
  })

  test('a target that grows by little goes on, within a twentieth of the limit', () => {
    const { fake, publish, memory } = setting()
    const app = appOf('known')
    publish(app, exposition(1, 100))
    for (let i = 0; fake.refusals.length === 0; i++) publish(appOf(`new-${i}`), exposition(1))
    for (let series = 101; series < 105; series++) {
      publish(app, exposition(1, series))
      expect(fake.state(app)).toBe('up')
    }
    expect(memory.used.heap).toBeLessThan(105 * KIB)
  })

  test('a target that needs more than it holds is over its limit until a snapshot fits, and no other target is', () => {
    const { fake, publish } = setting()
    const [good, growing] = [appOf('good'), appOf('growing')]
    publish(good, exposition(1))
    publish(growing, exposition(1))
    publish(growing, exposition(200))
    expect([fake.state(good), fake.state(growing)]).toEqual(['up', 'over_limit'])
    const { reason } = fake.shard.judge(fake.shard.find(growing.latin1Key)!, fake.now)
    expect(reason).toMatch(/no memory is left for its layout of \d+ bytes: .*--memory\.limit/)
    publish(growing, exposition(2))
    expect([fake.state(good), fake.state(growing)]).toEqual(['up', 'up'])
  })

  test('a target that changes its layout to another of the same size goes on, within a tenth of the limit', () => {
    const { fake, publish, memory } = setting()
    const app = appOf('changing')
    for (let round = 0; ; round++) {
      publish(app, exposition(10).replaceAll('family', `round${round % 10}`))
      expect(fake.state(app)).toBe('up')
      if (round < 20) publish(appOf(`filler-${round}`), exposition(1))
      if (round > 40) break
    }
    expect(memory.used.heap).toBeLessThan(110 * KIB)
  })

  test('samples for a scraper of the view all give way before a record is refused, and are counted', () => {
    const { fake, publish } = setting()
    const app = appOf('a')
    publish(app, exposition(5))
    fake.all('slow')
    for (let i = 0; i < 300; i++) publish(app, exposition(5, 1, i))
    expect(fake.refusals).toEqual([])
    expect(fake.shard.history.dropped.get('memory')).toBeGreaterThan(100)
    expect(fake.all('slow')).toContain('family_0{s="0",instance="a",job="shop"} 299')
  })

  test('parts of an incomplete snapshot give way, and after 30 s in any case', () => {
    const { fake, publish } = setting({ heap: 200 * KIB, total: 200 * KIB })
    const apps = Array.from({ length: 3 }, (_, i) => appOf(`part-${i}`, 300))
    for (const app of apps.slice(0, 2)) {
      const [first] = app.records({ exposition: exposition(20, 5), collectedAt: fake.wall })
      fake.shard.apply(0, first, fake.now)
    }
    const { dropped } = fake.shard.assemblies
    expect(fake.shard.store.memory.bytes('parts')).toBeGreaterThan(0)
    fake.pass(31_000)
    fake.shard.sweep(fake.now)
    expect(Object.fromEntries(dropped)).toEqual({ age: 2 })
    expect(fake.shard.store.memory.bytes('parts')).toBe(0)
    const [first] = apps[2].records({ exposition: exposition(20, 5), collectedAt: fake.wall })
    fake.shard.apply(0, first, fake.now)
    for (let i = 0; fake.refusals.length === 0; i++) publish(appOf(`filler-${i}`), exposition(1))
    expect(Object.fromEntries(dropped)).toEqual({ age: 2, memory: 1 })
  })

  test('a layout is refused before it is decoded, also one whose objects would not fit', () => {
    const { fake, publish, memory } = setting({ heap: 8000 * KIB, total: 1e9 })
    const labels = Array.from({ length: 30 }, (_, l) => `l${l}`)
    const series = Array.from(
      { length: 2000 },
      (_, s) => `x{${labels.map(name => `${name}="${s}${name}"`).join(',')}} 1\n`,
    )
    publish(appOf('labels'), `# TYPE x gauge\n${series.join('')}`)
    expect(fake.refusals).toEqual(['limit'])
    const [target] = fake.shard.targets()
    expect(fake.shard.judge(target, fake.now).reason).toMatch(/decoding its layout of 2000 series/)
    expect(memory.bytes('cached_layouts')).toBe(0)
  })

  test('what is held of a layout that left is dropped, except some', () => {
    const { fake, publish, memory } = setting({ heap: 1000 * KIB, total: 1000 * KIB })
    const app = appOf('a')
    for (let i = 0; i < 50; i++) publish(app, exposition(50).replaceAll('family', `round${i}`))
    fake.shard.sweep(fake.now)
    expect(memory.bytes('cached_layouts')).toBeGreaterThan(0)
    expect(memory.bytes('cached_layouts')).toBeLessThanOrEqual(125 * KIB)
    expect(fake.state(app)).toBe('up')
  })
})
