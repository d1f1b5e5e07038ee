import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KafkaError } from '../../../shared/kafka/errors.js'
import { firstConnected } from '../../../shared/kafka/wire/first-connected.js'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** Brokers in the order of the list, and when each was tried, ms. */
function brokers(...behaviours: (() => Promise<void>)[]) {
  const began = Date.now()
  const triedAt = new Map<number, number>()
  const candidates = behaviours.map((behaviour, index) => () => ({
    index,
    connect() {
      triedAt.set(index, Date.now() - began)
      return behaviour()
    },
  }))
  return { candidates, triedAt }
}

const silent = () => new Promise<void>(() => {})
const responds = async () => {}
const respondsAfter = (ms: number) => () => new Promise<void>(resolve => setTimeout(resolve, ms))
const fails = (type: string) => async () => {
  throw new KafkaError(type, `${type} of this broker`)
}

test('a broker that responds is the only one that is tried', async () => {
  const { candidates, triedAt } = brokers(responds, responds)
  expect((await firstConnected(candidates)).index).toBe(0)
  await vi.advanceTimersByTimeAsync(1_000)
  expect([...triedAt]).toEqual([[0, 0]])
})

test('silent brokers delay the connection by a quarter of a second each', async () => {
  const { candidates, triedAt } = brokers(silent, silent, responds)
  const connected = firstConnected(candidates)
  await vi.advanceTimersByTimeAsync(500)
  expect((await connected).index).toBe(2)
  expect([...triedAt.values()]).toEqual([0, 250, 500])
})

test('a slow broker wins if the next ones are silent', async () => {
  const { candidates } = brokers(respondsAfter(2_000), silent)
  const connected = firstConnected(candidates)
  await vi.advanceTimersByTimeAsync(2_000)
  expect((await connected).index).toBe(0)
})

test('a broker that fails is followed by the next one at once', async () => {
  const { candidates, triedAt } = brokers(fails('CONNECTION'), fails('CLOSED'), responds)
  expect((await firstConnected(candidates)).index).toBe(2)
  expect([...triedAt.values()]).toEqual([0, 0, 0])
})

test('if all fail, the first failure is the error, also when it came after the last attempt', async () => {
  const slow = async () => {
    await respondsAfter(400)()
    await fails('TIMEOUT')()
  }
  const { candidates } = brokers(slow, fails('CONNECTION'))
  const connected = firstConnected(candidates)
  const outcome = expect(connected).rejects.toThrow('CONNECTION of this broker')
  await vi.advanceTimersByTimeAsync(1_000)
  await outcome
})

test('a refused login ends all attempts: the other brokers would refuse it too', async () => {
  const { candidates, triedAt } = brokers(fails('AUTHENTICATION'), responds)
  await expect(firstConnected(candidates)).rejects.toThrow('AUTHENTICATION of this broker')
  expect(triedAt.size).toBe(1)
})

test('a candidate that cannot be opened counts as a failure', async () => {
  const closed = () => {
    throw new KafkaError('CLOSED', 'this Kafka client is closed')
  }
  await expect(firstConnected([closed, closed])).rejects.toThrow('client is closed')
})
