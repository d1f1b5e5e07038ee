import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { OverlapWatch } from '../../producer/overlap-watch.js'
import { KafkaError } from '../../shared/kafka/errors.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { FakeApp } from '../support/records.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const OWN = 1000
const x = '# HELP x X.\n# TYPE x gauge\nx 1\n'
const recordOf = (incarnation: number, end = false) =>
  new FakeApp({ incarnation }).record({ exposition: x, collectedAt: 1, end })

/** A run that publishes every ten seconds, 1,000 records apart. */
function setting(answer: () => readonly LogRecord[] | Error) {
  const reads: { offset: number; maxBytes: number }[] = []
  const checks: number[][] = []
  const refused: string[] = []
  let offset = 0
  let partition = 0
  let mono = 0
  const watch = new OverlapWatch({
    incarnation: OWN,
    intervalMs: 10_000,
    lastWrite: () => ({ partition, offset }),
    readBack: async (from, maxBytes) => {
      reads.push({ offset: from, maxBytes })
      const records = answer()
      if (records instanceof Error) throw records
      return records
    },
    onChecked: others => checks.push([...others]),
    onUnauthorized: error => refused.push(error.message),
  })
  const publish = async (times: number, inPartition = 0, apart = 1000) => {
    for (let i = 0; i < times; i++) {
      offset += apart
      partition = inPartition
      mono += 10_000
      watch.acknowledged(mono)
      await vi.advanceTimersByTimeAsync(10_000)
    }
  }
  return { watch, reads, checks, refused, publish }
}

describe('a publisher that looks for other runs of its target', () => {
  test('reads around its third snapshot, and then every five minutes, at most 1 MiB each', async () => {
    const { reads, publish } = setting(() => [])
    await publish(2)
    expect(reads).toEqual([])
    await publish(1)
    expect(reads).toEqual([{ offset: 3000 - 256, maxBytes: 1 << 20 }])
    await publish(29)
    expect(reads).toHaveLength(1)
    await publish(1)
    expect(reads).toHaveLength(2)
  })

  test('reads nothing from before its own first snapshot', async () => {
    const { reads, publish } = setting(() => [])
    await publish(3, 0, 10)
    expect(reads.map(({ offset }) => offset)).toEqual([11])
  })

  test('finds other runs, except those that have ended, and ignores what is unreadable', async () => {
    const unreadable = { ...recordOf(7), value: Buffer.from('x') }
    const { checks, publish } = setting(() => [
      recordOf(OWN),
      recordOf(5),
      recordOf(6),
      unreadable,
      recordOf(6, true),
      recordOf(2000),
    ])
    await publish(3)
    expect(checks).toEqual([[5, 2000]])
  })

  test('finds a run that began in the same millisecond, and takes no repeated record for one', async () => {
    const own = new FakeApp({ incarnation: OWN })
    const at = (sequence: number, collectedAt: number) =>
      own.record({ exposition: x, collectedAt, sequence })
    let records = [at(1, 10), at(2, 20), at(2, 20)]
    const { checks, publish } = setting(() => records)
    await publish(3)
    records = [at(1, 10), at(1, 11)]
    await publish(30)
    expect(checks).toEqual([[], [OWN]])
  })

  test('stops looking without a right to read, and goes on after other errors', async () => {
    let error: Error = new KafkaError('TIMEOUT', 'no answer')
    const { reads, refused, checks, publish } = setting(() => error)
    await publish(3)
    error = new KafkaError('TOPIC_AUTHORIZATION_FAILED', 'not authorized')
    await publish(30)
    expect(refused).toEqual(['not authorized'])
    await publish(60)
    expect(reads).toHaveLength(2)
    expect(checks).toEqual([])
  })

  test('begins anew when its target has moved to another partition', async () => {
    const { reads, publish } = setting(() => [])
    await publish(2)
    await publish(2, 1)
    expect(reads).toEqual([])
    await publish(1, 1)
    expect(reads).toHaveLength(1)
  })

  test('stops', async () => {
    const { watch, reads, publish } = setting(() => [])
    await publish(2)
    watch.stop()
    await publish(60)
    expect(reads).toEqual([])
  })
})
