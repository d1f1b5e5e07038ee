import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Slots } from '../../../../shared/http/limit/slots.js'

test('slots: never more than the maximum, granted to a client in order of arrival, none lost', () => {
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
            const cancel = slots.wait('client', () => {
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

test('slots: clients that wait have turns, however many requests one of them has', () => {
  const slots = new Slots(1)
  slots.tryAcquire()
  const granted: string[] = []
  for (const request of ['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2'])
    slots.wait(request[0]!, () => granted.push(request))
  for (let i = 0; i < 7; i++) slots.release()
  expect(granted).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4'])
  expect([slots.used, slots.waiting]).toEqual([1, 0])
})
