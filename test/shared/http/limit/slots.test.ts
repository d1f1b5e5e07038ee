import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Slots } from '../../../../shared/http/limit/slots.js'

test('slots: never more than the maximum, granted in order of arrival, none lost', () => {
  const step = fc.oneof(
    fc.constant({ kind: 'come' as const }),
    fc.record({ kind: fc.constant('end' as const), nth: fc.nat(20) }),
    fc.record({ kind: fc.constant('leave' as const), nth: fc.nat(20) }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (max, steps) => {
      const slots = new Slots(max)
      const serving: number[] = []
      let queue: { id: number; cancel: () => void }[] = []
      const order: number[] = []
      let last = 0
      for (const step of steps) {
        if (step.kind === 'come') {
          const id = last++
          if (slots.tryAcquire()) serving.push(id)
          else {
            const cancel = slots.wait(() => {
              queue = queue.filter(waiting => waiting.id !== id)
              serving.push(id)
              order.push(id)
            })
            queue.push({ id, cancel })
          }
        } else if (step.kind === 'end' && serving.length) {
          const first = queue[0]?.id
          const [ended] = serving.splice(step.nth % serving.length, 1)
          slots.release()
          if (first !== undefined) expect(serving).toContain(first)
          expect(serving).not.toContain(ended)
        } else if (step.kind === 'leave' && queue.length) {
          const [gone] = queue.splice(step.nth % queue.length, 1)
          gone.cancel()
        }
        expect(slots.used).toBe(serving.length)
        expect(slots.waiting).toBe(queue.length)
        expect(slots.used).toBeLessThanOrEqual(max)
        // No slot is free while somebody waits.
        if (queue.length) expect(slots.used).toBe(max)
      }
      expect(order).toEqual([...order].sort((a, b) => a - b))
    }),
  )
})
