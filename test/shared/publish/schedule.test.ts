import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Schedule } from '../../../shared/publish/schedule.js'
import { targetKey } from '../../../shared/snapshot/key.js'

const keyOf = (instance: string) =>
  targetKey([
    { name: 'instance', value: instance },
    { name: 'job', value: 'shop' },
  ])
const intervals = fc.integer({ min: 1000, max: 120_000 })
const walls = fc.integer({ min: 0, max: 4e12 })

describe('ticks', () => {
  test('of one target are whole intervals apart, also after a restart', () => {
    fc.assert(
      fc.property(fc.string(), intervals, walls, walls, (instance, interval, once, again) => {
        const first = new Schedule(keyOf(`a${instance.replaceAll('\0', '')}`), interval).after(once)
        const second = new Schedule(keyOf(`a${instance.replaceAll('\0', '')}`), interval).after(
          again,
        )
        expect(Math.abs(first - second) % interval).toBe(0)
      }),
    )
  })

  test('are at most one interval ahead', () => {
    fc.assert(
      fc.property(intervals, walls, (interval, wall) => {
        const tick = new Schedule(keyOf('a'), interval).after(wall)
        expect(tick).toBeGreaterThan(wall)
        expect(tick - wall).toBeLessThanOrEqual(interval)
      }),
    )
  })

  test('do not drift when timers fire late', () => {
    fc.assert(
      fc.property(
        intervals,
        walls,
        fc.array(fc.double({ min: 0, max: 0.4, noNaN: true }), { minLength: 5, maxLength: 50 }),
        (interval, start, latenesses) => {
          const schedule = new Schedule(keyOf('a'), interval)
          const first = schedule.after(start)
          let tick = first
          for (const late of latenesses) tick = schedule.after(tick + late * interval, tick)
          expect(tick).toBe(first + latenesses.length * interval)
        },
      ),
    )
  })

  test('are not repeated when timers fire early', () => {
    const schedule = new Schedule(keyOf('a'), 15_000)
    const tick = schedule.after(1_700_000_000_000)
    expect(schedule.after(tick - 1, tick)).toBe(tick + 15_000)
    expect(schedule.after(tick - 0.4, tick)).toBe(tick + 15_000)
  })

  test('follow the clock when it is set back', () => {
    fc.assert(
      fc.property(
        intervals,
        fc.integer({ min: 1_600_000_000_000, max: 4e12 }),
        walls,
        (interval, wall, then) => {
          const schedule = new Schedule(keyOf('a'), interval)
          const tick = schedule.after(wall)
          const next = schedule.after(then, tick)
          expect(schedule.wait(next, then)).toBeLessThanOrEqual(interval * 1.5)
          expect(schedule.wait(tick, then)).toBeLessThanOrEqual(interval * 1.5)
          expect(schedule.wait(tick, then)).toBeGreaterThanOrEqual(0)
          if (then < wall - interval) expect(next - then).toBeLessThanOrEqual(interval)
        },
      ),
    )
  })

  test('of many targets are spread over the interval', () => {
    const interval = 15_000
    const tenths = new Array<number>(10).fill(0)
    for (let i = 0; i < 1000; i++) {
      const tick = new Schedule(keyOf(`host-${i}:9100`), interval).after(1_700_000_000_000)
      tenths[Math.floor(((tick % interval) / interval) * 10)]++
    }
    // 100 are expected in each tenth. By chance, a count below 60 or above 140 is rare.
    for (const count of tenths) {
      expect(count).toBeGreaterThan(60)
      expect(count).toBeLessThan(140)
    }
  })
})
