import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConflatingQueue } from '../../../shared/publish/conflating-queue.js'

const steps = fc.array(fc.constantFrom('offer', 'offer', 'take', 'acknowledge', 'fail'), { maxLength: 200 })

test('whatever happens in whatever order, every snapshot is acknowledged, superseded or held, and two are held at most', () => {
  fc.assert(
    fc.property(steps, sequence => {
      const queue = new ConflatingQueue<number>()
      let newest = -1
      let lastAcknowledged = -1
      for (const step of sequence) {
        if (step === 'offer') queue.offer(++newest)
        else if (step === 'take') {
          const waiting = queue.waiting
          const taken = queue.take()
          if (taken !== null) expect(taken).toBe(waiting)
        } else if (queue.flying !== null) {
          if (step === 'fail') queue.fail()
          else {
            // What the brokers have never goes back in time.
            expect(queue.flying).toBeGreaterThan(lastAcknowledged)
            lastAcknowledged = queue.flying
            queue.acknowledge()
          }
        }
        const { offered, acknowledged, superseded, held, waiting, flying } = queue
        expect(offered).toBe(acknowledged + superseded + held)
        expect(held).toBeLessThanOrEqual(2)
        if (waiting !== null) expect(waiting).toBe(newest)
        if (waiting !== null && flying !== null) expect(waiting).toBeGreaterThan(flying)
      }
    }),
  )
})

test('the newest snapshot is never superseded: it is acknowledged in the end', () => {
  fc.assert(
    fc.property(steps, sequence => {
      const queue = new ConflatingQueue<number>()
      let newest = -1
      let acknowledged = -1
      for (const step of sequence) {
        if (step === 'offer') queue.offer(++newest)
        else if (step === 'take') queue.take()
        else if (queue.flying !== null && step === 'fail') queue.fail()
        else if (queue.flying !== null) {
          acknowledged = queue.flying
          queue.acknowledge()
        }
      }
      while (queue.held > 0) {
        queue.take()
        acknowledged = queue.flying!
        queue.acknowledge()
      }
      expect(acknowledged).toBe(newest)
    }),
  )
})

test('one that failed goes again, unless a newer one came meanwhile', () => {
  const queue = new ConflatingQueue<string>()
  queue.offer('first')
  queue.take()
  queue.fail()
  expect(queue.take()).toBe('first')
  queue.offer('second')
  queue.fail()
  expect(queue.take()).toBe('second')
  expect(queue.superseded).toBe(1)
})

test('only one is on its way at a time', () => {
  const queue = new ConflatingQueue<string>()
  queue.offer('first')
  queue.take()
  queue.offer('second')
  expect(queue.take()).toBeNull()
})
