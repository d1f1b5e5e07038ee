import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConflatingQueue } from '../../../shared/publish/conflating-queue.js'

const steps = fc.array(fc.constantFrom('offer', 'offer', 'take', 'acknowledge', 'fail'), {
  maxLength: 200,
})

test('every snapshot is acknowledged, superseded or held, and at most two are held', () => {
  fc.assert(
    fc.property(steps, sequence => {
      const queue = new ConflatingQueue<number>()
      let newest = -1
      let lastAcknowledged = -1
      for (const step of sequence) {
        if (step === 'offer') queue.offer(++newest)
        else if (step === 'take') {
          const pending = queue.pending
          const taken = queue.take()
          if (taken !== null) expect(taken).toBe(pending)
        } else if (queue.inFlight !== null) {
          if (step === 'fail') queue.fail()
          else {
            // Acknowledged snapshots are ever newer.
            expect(queue.inFlight).toBeGreaterThan(lastAcknowledged)
            lastAcknowledged = queue.inFlight
            queue.acknowledge()
          }
        }
        const { offered, acknowledged, superseded, held, pending, inFlight } = queue
        expect(offered).toBe(acknowledged + superseded + held)
        expect(held).toBeLessThanOrEqual(2)
        if (pending !== null) expect(pending).toBe(newest)
        if (pending !== null && inFlight !== null) expect(pending).toBeGreaterThan(inFlight)
      }
    }),
  )
})

test('the newest snapshot is never superseded, and is acknowledged in the end', () => {
  fc.assert(
    fc.property(steps, sequence => {
      const queue = new ConflatingQueue<number>()
      let newest = -1
      let acknowledged = -1
      for (const step of sequence) {
        if (step === 'offer') queue.offer(++newest)
        else if (step === 'take') queue.take()
        else if (queue.inFlight !== null && step === 'fail') queue.fail()
        else if (queue.inFlight !== null) {
          acknowledged = queue.inFlight
          queue.acknowledge()
        }
      }
      while (queue.held > 0) {
        queue.take()
        acknowledged = queue.inFlight!
        queue.acknowledge()
      }
      expect(acknowledged).toBe(newest)
    }),
  )
})

test('a snapshot that failed is retried, unless a newer one is pending', () => {
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

test('at most one snapshot is in flight', () => {
  const queue = new ConflatingQueue<string>()
  queue.offer('first')
  queue.take()
  queue.offer('second')
  expect(queue.take()).toBeNull()
})
