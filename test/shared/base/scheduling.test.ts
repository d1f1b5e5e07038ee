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
