import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Conflater } from '../../../shared/publish/conflater.js'

const steps = fc.array(fc.constantFrom('offer', 'offer', 'take', 'acknowledge', 'fail'), { maxLength: 200 })

test('whatever happens in whatever order, every snapshot is acknowledged, superseded or held, and two are held at most', () => {
  fc.assert(
    fc.property(steps, sequence => {
      const conflater = new Conflater<number>()
      let newest = -1
      let lastAcknowledged = -1
      for (const step of sequence) {
        if (step === 'offer') conflater.offer(++newest)
        else if (step === 'take') {
          const waiting = conflater.waiting
          const taken = conflater.take()
          if (taken !== null) expect(taken).toBe(waiting)
        } else if (conflater.flying !== null) {
          if (step === 'fail') conflater.fail()
          else {
            // What the brokers have never goes back in time.
            expect(conflater.flying).toBeGreaterThan(lastAcknowledged)
            lastAcknowledged = conflater.flying
            conflater.acknowledge()
          }
        }
        const { offered, acknowledged, superseded, held, waiting, flying } = conflater
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
      const conflater = new Conflater<number>()
      let newest = -1
      let acknowledged = -1
      for (const step of sequence) {
        if (step === 'offer') conflater.offer(++newest)
        else if (step === 'take') conflater.take()
        else if (conflater.flying !== null && step === 'fail') conflater.fail()
        else if (conflater.flying !== null) {
          acknowledged = conflater.flying
          conflater.acknowledge()
        }
      }
      while (conflater.held > 0) {
        conflater.take()
        acknowledged = conflater.flying!
        conflater.acknowledge()
      }
      expect(acknowledged).toBe(newest)
    }),
  )
})

test('one that failed goes again, unless a newer one came meanwhile', () => {
  const conflater = new Conflater<string>()
  conflater.offer('first')
  conflater.take()
  conflater.fail()
  expect(conflater.take()).toBe('first')
  conflater.offer('second')
  conflater.fail()
  expect(conflater.take()).toBe('second')
  expect(conflater.superseded).toBe(1)
})

test('only one is on its way at a time', () => {
  const conflater = new Conflater<string>()
  conflater.offer('first')
  conflater.take()
  conflater.offer('second')
  expect(conflater.take()).toBeNull()
})
