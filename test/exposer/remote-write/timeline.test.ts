import { describe, expect, test } from 'vitest'
import type { CompiledLayout } from '../../../exposer/core/store/compiled-layout.js'
import type { Snapshot } from '../../../exposer/core/store/snapshot.js'
import { type Emitter, Timeline } from '../../../exposer/remote-write/timeline.js'

const INTERVAL = 10_000
const T = 1_700_000_000_000

/** A target told as text: what is sent, with times relative to `T` in seconds. */
class World {
  readonly sent: string[] = []
  readonly held = new Map<string, number>()
  readonly timeline = new Timeline(
    {
      acquire: ({ id }) => this.held.set(id, (this.held.get(id) ?? 0) + 1),
      release: ({ id }) => this.held.set(id, (this.held.get(id) ?? 0) - 1),
    },
    2.5,
  )
  readonly emitter: Emitter = {
    snapshot: (_, time) => this.note('values', time),
    left: (before, now, time) =>
      this.note(`stale ${idsOf(before)} but ${idsOf(now) || 'nothing'}`, time),
    down: (time, seconds) => this.note(seconds === null ? 'up 0' : 'up 0 and report', time),
    reportLeft: (time, { up, report }) =>
      this.note(`stale${up ? ' up' : ''}${report ? ' report' : ''}`, time),
  }

  note(what: string, time: number): void {
    this.sent.push(`${(time - T) / 1000}: ${what}`)
  }

  /** A record collected and arrived at some seconds. */
  record(
    seconds: number,
    how: { layout?: string; end?: boolean; failure?: string; arrived?: number } = {},
  ) {
    const snapshot = snapshotOf(how)
    const arrived = T + 1000 * (how.arrived ?? seconds)
    this.timeline.applied(snapshot, T + 1000 * seconds, arrived, this.emitter)
    return this.take()
  }

  /** Log time passes, without a record of the target. */
  until(seconds: number, { silent = true } = {}): string[] {
    const now = T + 1000 * seconds
    while (this.timeline.dueAt <= now) {
      if (!this.timeline.due(now, silent, this.emitter)) break
    }
    return this.take()
  }

  take(): string[] {
    return this.sent.splice(0)
  }

  get holds(): string[] {
    return [...this.held].filter(([, count]) => count > 0).map(([id]) => id)
  }
}

const layout = (id: string) => ({ id }) as CompiledLayout
const layouts = new Map<string, CompiledLayout>()
const layoutOf = (id: string) => {
  const known = layouts.get(id) ?? layout(id)
  layouts.set(id, known)
  return known
}
const idsOf = (list: readonly CompiledLayout[]) => list.map(({ id }) => id).join('+')
const snapshotOf = ({
  layout = 'a',
  end = false,
  failure,
}: {
  layout?: string
  end?: boolean
  failure?: string
}) =>
  ({
    intervalMs: INTERVAL,
    end,
    failure: failure ?? null,
    collectSeconds: 0.1,
    parts: failure ? [] : layout.split('+').map(id => ({ layout: layoutOf(id) })),
  }) as unknown as Snapshot

describe('a target', () => {
  test('that publishes has its values, and no marker while its layout is the same', () => {
    const world = new World()
    expect(world.record(0)).toEqual(['0: values'])
    expect(world.record(10)).toEqual(['10: values'])
    expect(world.holds).toEqual(['a'])
  })

  test('whose layout changes has markers for what left, at the time of the new values', () => {
    const world = new World()
    world.record(0, { layout: 'a+b' })
    expect(world.record(10, { layout: 'a+c' })).toEqual(['10: stale a+b but a+c', '10: values'])
    expect(world.holds).toEqual(['a', 'c'])
  })

  test('whose collection fails is down with it, and has markers once', () => {
    const world = new World()
    world.record(0)
    expect(world.record(10, { failure: 'x' })).toEqual([
      '10: stale a but nothing',
      '10: up 0 and report',
    ])
    expect(world.record(20, { failure: 'x' })).toEqual(['20: up 0 and report'])
    expect(world.holds).toEqual([])
  })

  test('that falls silent is down after three intervals, and in each one from then on', () => {
    const world = new World()
    world.record(0)
    expect(world.until(29.999)).toEqual([])
    expect(world.until(30)).toEqual(['30: stale a but nothing', '30: stale report', '30: up 0'])
    expect(world.until(55)).toEqual(['40: up 0', '50: up 0'])
    expect(world.record(56)).toEqual(['56: values'])
  })

  test('whose snapshots arrive late is down later, with the same time', () => {
    const world = new World()
    world.record(0, { arrived: 8 })
    expect(world.until(32.9)).toEqual([])
    expect(world.until(33)).toEqual(['30: stale a but nothing', '30: stale report', '30: up 0'])
  })

  test('is not down while its partition could not be read, and then at a multiple of its interval', () => {
    const world = new World()
    world.record(0)
    expect(world.until(34, { silent: false })).toEqual([])
    expect(world.until(45)).toEqual(['40: stale a but nothing', '40: stale report', '40: up 0'])
  })

  test('that ends leaves after an interval, without being down', () => {
    const world = new World()
    world.record(0)
    expect(world.record(4, { end: true })).toEqual(['4: values'])
    expect(world.until(13.9)).toEqual([])
    expect(world.until(14)).toEqual(['14: stale a but nothing', '14: stale up report'])
    expect(world.until(1000)).toEqual([])
    expect(world.holds).toEqual([])
  })

  test('that starts again within an interval of its end loses nothing', () => {
    const world = new World()
    world.record(4, { end: true })
    expect(world.record(9)).toEqual(['9: values'])
    expect(world.until(20)).toEqual([])
  })

  test('that is forgotten while it is down has a marker for up', () => {
    const world = new World()
    world.record(0)
    world.until(50)
    world.timeline.forgotten(T + 3_600_000, world.emitter)
    expect(world.take()).toEqual(['3600: stale up'])
    world.timeline.forgotten(T + 3_700_000, world.emitter)
    expect(world.take()).toEqual([])
  })

  test('of whom an older snapshot arrives is as before', () => {
    const world = new World()
    world.record(20)
    expect(world.record(10, { layout: 'b' })).toEqual(['10: values'])
    expect(world.holds).toEqual(['a'])
    expect(world.until(50)).toEqual(['50: stale a but nothing', '50: stale report', '50: up 0'])
  })
})

test('a successor that continues from the newest record sends the same as the one before it', () => {
  const first = new World()
  first.record(0)
  const sent = first.until(75)
  for (let cut = 0; cut <= 75; cut++) {
    const next = new World()
    next.timeline.resume(snapshotOf({}), T, T)
    const before = next.until(cut)
    const after = next.until(75)
    expect([...before, ...after]).toEqual(sent)
  }
})

test('whatever happens, a layout is released as often as it was acquired', () => {
  const world = new World()
  world.record(0, { layout: 'a+a' })
  world.record(10, { layout: 'b' })
  world.timeline.resume(snapshotOf({ layout: 'c' }), T + 20_000, T + 20_000)
  expect(world.holds).toEqual(['c'])
  world.timeline.drop()
  expect(world.holds).toEqual([])
})
