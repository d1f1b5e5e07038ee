import { describe, expect, test } from 'vitest'
import { nextTurn, SLICE_MS, Slice } from '../../../shared/base/scheduling.js'

describe('yielding the event loop', () => {
  test('runs pending input and due timers before it resolves', async () => {
    const order: string[] = []
    const timer = new Promise<void>(resolve => setTimeout(resolve, 0)).then(() =>
      order.push('timer'),
    )
    // Node.js runs a timer of 0 ms after 1 ms.
    const start = performance.now()
    while (performance.now() - start < 2);
    const turns = nextTurn()
      .then(nextTurn)
      .then(() => order.push('turn'))
    queueMicrotask(() => order.push('microtask'))
    await Promise.all([timer, turns])
    expect(order).toEqual(['microtask', 'timer', 'turn'])
  })

  test('slices share a turn: after some milliseconds of work the others wait for the next, in order', async () => {
    let turn = 0
    let watching = true
    const count = () => {
      turn++
      if (watching) setImmediate(count)
    }
    const work = (ms: number) => {
      const start = performance.now()
      while (performance.now() - start < ms);
    }
    const order: string[] = []
    const turns = new Map<number, number>()
    const worker = async (name: string) => {
      for (let slice = 0; slice < 3; slice++) {
        await nextTurn()
        order.push(name)
        turns.set(turn, (turns.get(turn) ?? 0) + 1)
        work(5)
      }
    }
    setImmediate(count)
    await Promise.all(['a', 'b', 'c', 'd'].map(worker))
    watching = false
    expect(order.join('')).toBe('abcdabcdabcd')
    expect(Math.max(...turns.values())).toBe(1)
  })

  test('short work of many waiters is done in one turn', async () => {
    let turn = 0
    setImmediate(() => {
      turn++
      setImmediate(() => turn++)
    })
    const turns: number[] = []
    await Promise.all(Array.from({ length: 50 }, () => nextTurn().then(() => turns.push(turn))))
    expect(new Set(turns).size).toBeLessThanOrEqual(2)
  })

  test('a slice is over after its maximum work, and restarts with the next turn', async () => {
    let mono = 1000
    const slice = new Slice(undefined, () => mono)
    expect(slice.isOver()).toBe(false)
    mono += SLICE_MS - 0.1
    expect(slice.isOver()).toBe(false)
    expect(slice.isOver(mono + 0.1)).toBe(true)
    mono += 0.1
    expect(slice.isOver()).toBe(true)
    await slice.next()
    expect(slice.isOver()).toBe(false)
    mono += 2 * SLICE_MS
    slice.restart()
    expect(slice.isOver()).toBe(false)
  })
})
