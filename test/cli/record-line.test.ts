import { describe, expect, test } from 'vitest'
import { RecordPrinter } from '../../cli/record-line.js'
import { partitionFor } from '../../shared/base/murmur2.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import type { Label } from '../../shared/metrics/model.js'
import { encodeFailure } from '../../shared/snapshot/failure.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { encodeLayout } from '../../shared/snapshot/layout.js'
import type { SnapshotHeader } from '../../shared/snapshot/types.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'

const now = Date.UTC(2026, 0, 1)
const target = [
  { name: 'instance', value: 'a:1' },
  { name: 'job', value: 'shop' },
]
const layout = encodeLayout({
  families: [
    { name: 'up_to_date', type: 'gauge', help: '', unit: '', series: [{ suffix: '', labels: [] }] },
  ],
})

function fullHeader(header: Partial<SnapshotHeader>): SnapshotHeader {
  return {
    target,
    incarnation: now - 60_000,
    sequence: 3,
    superseded: 0,
    collectedAt: now - 1500,
    intervalMs: 15_000,
    collectSeconds: 0.01,
    part: 0,
    parts: 1,
    end: false,
    layoutId: layout.id,
    ...header,
  }
}

function record(header: Partial<SnapshotHeader> = {}, more: Partial<LogRecord> = {}): LogRecord {
  const full = fullHeader(header)
  const value = encodeSnapshot(full, { layoutCompressed: layout.compressed, values: [1] })
  return { offset: 7, timestamp: now, key: targetKey(full.target), value, ...more }
}

const PARTITIONS = 12
const own = partitionFor(targetKey(target), PARTITIONS)
const printer = (wanted: Label[] = [], onlyRefused = false) =>
  new RecordPrinter(PARTITIONS, wanted, onlyRefused)

describe('a valid record', () => {
  test('is one line with partition, offset, target, age, run, sequence and size', () => {
    const line = printer().line(own, record(), now)
    expect(line).toMatch(
      new RegExp(
        `^${own}/7  \\{instance="a:1", job="shop"\\}  age=1\\.5s run=2025-12-31T23:59:00\\.000Z sequence=3 interval=15s  series=1 bytes=\\d+$`,
      ),
    )
  })

  test('shows its part, the number of superseded snapshots, and whether it ends the run', () => {
    const line = printer().line(own, record({ end: true, superseded: 4, part: 1, parts: 2 }), now)
    expect(line).toContain('sequence=3 part=2/2 superseded=4 interval=15s end')
  })

  test('of a failed collection shows the reason in place of the series', () => {
    const { part, parts, end, layoutId, ...header } = fullHeader({ superseded: 2 })
    const value = encodeFailure(header, 'the "pool" is closed')
    expect(printer().line(own, record({}, { value }), now)).toMatch(
      /sequence=3 superseded=2 interval=15s {2}failed="the \\"pool\\" is closed" bytes=\d+$/,
    )
  })

  test('of a relayed run is named by who relays it, and is a repeat if it is not newer', () => {
    const print = printer()
    const relayed = (collectedAt: number) =>
      print.line(own, record({ incarnation: 1, collectedAt, sequence: collectedAt }), now)
    expect(relayed(now - 1000)).toMatch(/run=mirror .* series=1/)
    expect(relayed(now - 2000)).toContain('  repeat series=1')
    expect(relayed(now + 10_001)).toContain('REFUSED clock: it was collected 10.0 s after')
    expect(print.summary()).toBe('3 records read, 1 refused')
  })

  test('is not printed with --target for another target, or with --refused', () => {
    expect(printer([{ name: 'job', value: 'other' }]).line(own, record(), now)).toBeUndefined()
    expect(printer([], true).line(own, record(), now)).toBeUndefined()
    expect(printer([{ name: 'job', value: 'shop' }]).line(own, record(), now)).toBeDefined()
  })
})

describe('a record that an exposer refuses', () => {
  const key = Buffer.from('job\0other\0')
  const truncated = record().value!.subarray(0, 60)

  test.each([
    ['codec', record({}, { value: null, unreadable: 'codec' })],
    ['timestamp', record({}, { value: null, unreadable: 'timestamp' })],
    ['schema', record({}, { value: null })],
    ['key', record({}, { key: null })],
    ['key', record({}, { key })],
    ['schema', record({}, { value: Buffer.from('{"hello": 1}') })],
    ['truncated', record({}, { value: truncated })],
    ['reserved', record({ target: [{ name: 'job', value: 'kafka-exposer' }] })],
    ['layout', record({ layoutId: '0123456789abcdef' })],
  ])('is printed with the reason %s', (reason, refused) => {
    const lines = printer()
    expect(lines.line(own, refused, now)).toMatch(new RegExp(`^${own}/7  REFUSED ${reason}: \\S`))
    expect(lines.summary()).toBe('1 records read, 1 refused')
  })

  test('is printed with the partition that its key belongs on', () => {
    const elsewhere = (own + 1) % PARTITIONS
    expect(printer().line(elsewhere, record(), now)).toContain(
      `REFUSED partition: its key belongs on partition ${own} of 12 (murmur2)`,
    )
  })

  test('may be one that repeats a sequence of its run, or one of an older run', () => {
    const lines = printer()
    lines.line(own, record(), now)
    const { part, parts, end, layoutId, ...header } = fullHeader({})
    const failure = record({}, { value: encodeFailure(header, 'no') })
    expect(lines.line(own, failure, now)).toContain('REFUSED order: not after sequence 3')
    expect(lines.line(own, record(), now)).toContain('REFUSED order: not after sequence 3')
    expect(lines.line(own, record({ incarnation: now - 90_000 }), now)).toContain(
      'REFUSED incarnation:',
    )
    // The newer run has been silent for more than 2.5 intervals.
    const late = record({ incarnation: now - 90_000 }, { timestamp: now + 40_000 })
    const lines2 = printer()
    lines2.line(own, record(), now)
    expect(lines2.line(own, late, now)).not.toContain('REFUSED')
    expect(lines.line(own, record({ sequence: 4, collectedAt: now }), now)).toContain('sequence=4')
    expect(lines.line(own, record({ incarnation: now, sequence: 0 }), now)).toContain('sequence=0')
  })

  test('is printed with any --target if its own target is unreadable', () => {
    const broken = record({}, { value: truncated })
    expect(printer([{ name: 'job', value: 'other' }]).line(own, broken, now)).toContain('REFUSED')
  })
})
