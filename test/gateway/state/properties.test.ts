import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Applied, FetchedRecord, FrozenState } from '../../../gateway/state/machine.js'
import { PushState } from '../../../gateway/state/push-state.js'
import { encodeRequest, readRequest } from '../../../gateway/state/request-codec.js'
import { StateLoader } from '../../../gateway/state/state-loader.js'
import { METHODS } from '../../../gateway/state/types.js'
import { runNow } from '../../../shared/base/steps.js'
import { TextReader } from '../../../shared/metrics/text/reader.js'
import { exposition, requestOf, sealed } from './text.js'

const groups: readonly Record<string, string>[] = [
  { job: 'a' },
  { job: 'b' },
  { job: 'a', instance: 'i' },
  { job: 'a', instance: '' },
]
const lines = [
  'x 1',
  'x{l="1"} 2',
  'x{instance="i"} 3',
  'x{job="a"} 4',
  'y_total 5',
  'y_total{l="1"} NaN',
  'h_count 1',
  'h_bucket{le="1"} 1',
  '{"my.metric"} 1',
]
const types = [
  '',
  '# TYPE x gauge\n',
  '# TYPE x counter\n',
  '# TYPE h histogram\n',
  '# TYPE y_total counter\n',
]

const push = fc.record({
  method: fc.constantFrom(...METHODS),
  group: fc.constantFrom(...groups),
  body: fc
    .tuple(fc.subarray(types), fc.array(fc.constantFrom(...lines), { maxLength: 4 }))
    .map(
      ([head, body]) => head.filter(unlike(head)).join('') + body.map(line => `${line}\n`).join(''),
    ),
  id: fc.integer({ min: 0, max: 30 }).map(n => Buffer.alloc(16, n)),
  expiryMs: fc.constantFrom(0, 0, 5_000, 60_000),
  checked: fc.boolean(),
})

/** One type for each name. */
function unlike(all: readonly string[]) {
  return (line: string, i: number) =>
    !all.slice(0, i).some(before => before.split(' ')[2] === line.split(' ')[2])
}

const record = fc.oneof(
  { weight: 20, arbitrary: push.map(p => safely(p)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map(bytes => Buffer.from(bytes)) },
  {
    weight: 1,
    arbitrary: fc.tuple(push, fc.nat(500), fc.nat(255)).map(([p, at, byte]) => {
      const value = safely(p)
      // Neither the head nor the version: a later version ends a gateway.
      value[Math.max(8, at % value.length)] = byte
      return sealed(value)
    }),
  },
)

function safely(p: Parameters<typeof requestOf>[0]): Buffer {
  return encodeRequest(requestOf(p))
}

const history = fc
  .array(fc.tuple(record, fc.integer({ min: -2_000, max: 20_000 })), { maxLength: 40 })
  .map(entries => {
    let time = 1_700_000_000_000
    return entries.map(([value, step], offset): FetchedRecord => {
      time += step
      return { offset, time, value }
    })
  })

const run = (state: PushState, records: readonly FetchedRecord[]): Applied[] =>
  records.map(record => runNow(state.apply(record)))

function contents(state: PushState) {
  const text = exposition(state.view(state.time), 'allow-utf-8')
  const { bytes: _, ...held } = state.held()
  return {
    offset: state.offset,
    time: state.time,
    text: text.split('\n').sort(),
    groups: [...state.view(0).groups()]
      .map(({ families, ...group }) => ({
        ...group,
        families: [...families.values()]
          .map(f => [f.name, f.type, f.help, f.lines, f.pushedAt])
          .sort(),
      }))
      .sort((a, b) => (a.labelText < b.labelText ? -1 : 1)),
    tombstones: [...state.tombstones()].map(tombstone => JSON.stringify(tombstone)).sort(),
    held,
  }
}

function load(
  frozen: Pick<FrozenState, 'offset' | 'time' | 'last'>,
  parts: readonly Buffer[],
): PushState {
  const loader = new StateLoader()
  for (const part of parts) runNow(loader.add(part))
  return loader.finish(frozen)
}

test('a snapshot that is written while records are applied, and the rest of the log, give the fold of the log', () => {
  fc.assert(
    fc.property(
      history,
      fc.nat(40),
      fc.array(fc.boolean(), { maxLength: 200 }),
      (records, at, turns) => {
        const whole = new PushState()
        const outcomes = run(whole, records)
        const writer = new PushState()
        const cut = Math.min(at, records.length)
        run(writer, records.slice(0, cut))
        const frozen = writer.freeze()
        const parts = frozen.parts()
        const written: Buffer[] = []
        let next = cut
        for (const isRecord of turns) {
          if (isRecord && next < records.length) run(writer, [records[next++]])
          else {
            const part = parts.next()
            if (!part.done && part.value.length > 0) written.push(part.value)
          }
        }
        for (const part of parts) if (part.length > 0) written.push(part)
        frozen.release()
        const loaded = load(frozen, written)
        expect(run(loaded, records.slice(cut))).toEqual(outcomes.slice(cut))
        expect(contents(loaded)).toEqual(contents(whole))
        run(writer, records.slice(next))
        expect(contents(writer)).toEqual(contents(whole))
      },
    ),
    { numRuns: 600 },
  )
})

test('an exposition is well-formed and has each series once, whatever the log has', () => {
  fc.assert(
    fc.property(history, records => {
      const state = new PushState()
      run(state, records)
      for (const escaping of ['allow-utf-8', 'underscores'] as const) {
        const text = exposition(state.view(state.time), escaping)
        new TextReader('scrape').read(Buffer.from(text), 'text')
        if (escaping === 'underscores') continue
        const series = text.split('\n').map(line => line.slice(0, line.lastIndexOf(' ')))
        const samples = series.filter(line => line !== '' && !line.startsWith('#'))
        expect(new Set(samples).size).toBe(samples.length)
      }
      const { samples, conflicts, groups, ingested } = state.held()
      const shown = exposition(state.view(0), 'allow-utf-8')
        .split('\n')
        .filter(line => line !== '' && !line.startsWith('#')).length
      const repeats = conflicts - (samples + 2 * groups - shown)
      expect(repeats).toBeGreaterThanOrEqual(0)
      if (ingested === 0 && repeats > 0) expect(records.length).toBeGreaterThan(0)
    }),
    { numRuns: 400 },
  )
})

function isChecked(value: Buffer): boolean {
  try {
    const { method, checked } = readRequest(value)
    return checked && method !== 'ingest'
  } catch {
    return false
  }
}

test('an exposition that is read slowly shows the moment of its first chunk', () => {
  fc.assert(
    fc.property(history, fc.nat(40), (records, at) => {
      const cut = Math.min(at, records.length)
      // Ingested series are exposed as they are: see the view.
      const pushes = records.filter(({ value }) => isChecked(value))
      const state = new PushState()
      run(state, pushes.slice(0, cut))
      const time = state.time
      const before = exposition(state.view(time))
      const chunks = state.view(time).expose('underscores')
      let text = chunks.next().value?.toString() ?? ''
      for (const record of pushes.slice(cut)) run(state, [record])
      for (const chunk of chunks) text += chunk.toString()
      expect(text).toBe(before)
    }),
    { numRuns: 300 },
  )
})
