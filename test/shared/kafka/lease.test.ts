import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Lease } from '../../../shared/kafka/lease.js'

const at = (mono: number, slept = 0) => ({ mono, wall: 1_700_000_000_000 + mono + slept })

test('there is no lease before the first renewal', () => {
  expect(new Lease(20_000).until(at(5))).toBe(Number.NEGATIVE_INFINITY)
})

test('the lease starts when the request was sent, however late the response arrives', () => {
  const lease = new Lease(20_000)
  lease.renew(at(1_000))
  expect(lease.until(at(19_000))).toBe(21_000)
})

test('a dropped lease has ended, whatever time was left', () => {
  const lease = new Lease(20_000)
  lease.renew(at(1_000))
  lease.drop()
  expect(lease.until(at(1_001))).toBe(Number.NEGATIVE_INFINITY)
})

test('the time that the machine slept is subtracted, because the coordinator did not sleep', () => {
  const lease = new Lease(20_000)
  lease.renew(at(1_000))
  const now = at(2_000, 30_000)
  expect(lease.until(now)).toBeLessThan(now.mono)
})

test('the lease never ends after the session at the coordinator, whatever clocks do', () => {
  fc.assert(
    fc.property(
      fc.nat(60_000),
      fc.nat(60_000),
      fc.integer({ min: -60_000, max: 60_000 }),
      (awake, asleep, jump) => {
        const lease = new Lease(20_000)
        lease.renew(at(0))
        // Both clocks and the coordinator advance in real time; the wall clock may also jump.
        const real = awake + asleep
        const now = { mono: awake, wall: at(0).wall + real + jump }
        const claimed = lease.until(now) > now.mono
        if (claimed && jump >= 0) expect(real).toBeLessThan(20_000)
        if (claimed) expect(awake).toBeLessThan(20_000)
      },
    ),
  )
})

test('the age of a dropped lease continues, so old and new claims can be distinguished', () => {
  const lease = new Lease(20_000)
  expect(lease.age(at(0))).toBeNull()
  lease.renew(at(1_000))
  lease.drop()
  expect(lease.age(at(4_000))).toBe(3_000)
  expect(lease.age(at(4_000, 60_000))).toBe(63_000)
})
