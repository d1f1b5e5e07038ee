import { expect, test } from 'vitest'
import { LogClock } from '../../../../gateway/store/kafka/log-clock.js'

test('log time goes on with the monotonic clock after the last record', () => {
  const clock = new LogClock()
  clock.observe(1_700_000_000_000, 50)
  expect(clock.now(50)).toBe(1_700_000_000_000)
  expect(clock.now(1_550)).toBe(1_700_000_001_500)
})

test('log time does not go back because one record was delivered later than another', () => {
  const clock = new LogClock()
  clock.observe(10_000, 0)
  expect(clock.now(100)).toBe(10_100)
  // Appended at 10,090 and applied 20 ms later than the one before.
  clock.observe(10_090, 110)
  expect(clock.now(110)).toBe(10_100)
  expect(clock.now(115)).toBe(10_100)
  expect(clock.now(130)).toBe(10_110)
})

test('a leader whose clock is behind adds no log time to that of the state machine', () => {
  const clock = new LogClock()
  // The state machine stays at the greatest append time, record after record.
  clock.observe(3_600_000, 0)
  expect(clock.now(5_000)).toBe(3_605_000)
  clock.observe(3_600_000, 5_000)
  expect(clock.now(5_000)).toBe(3_600_000)
})
