import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type CompiledLayout,
  compileEncodedSteps,
  compileSteps,
} from '../../../../../exposer/core/store/compiled-layout.js'
import { runNow, type Steps } from '../../../../../shared/base/steps.js'
import {
  FAMILY_TYPES,
  type Layout,
  SUFFIXES,
  SUFFIXES_OF,
} from '../../../../../shared/metrics/layout.js'
import { DEFAULT_LIMITS } from '../../../../../shared/metrics/limits.js'
import { RefusedError } from '../../../../../shared/snapshot/errors.js'
import { decodeLayoutSteps, encodeLayout } from '../../../../../shared/snapshot/layout.js'
import { validateLayoutSteps } from '../../../../../shared/snapshot/validate.js'
import { httpService } from '../../../../bench/workload.js'
import { layoutArbitrary } from '../../../../shared/snapshot/layouts.js'
import { Spelling } from '../../../../shared/snapshot/spelling.js'
import { EXPENSIVE_LAYOUTS } from '../../../../support/layouts.js'

const memory = { fits: () => false, onGrown() {} }

const direct = (bytes: Buffer) => runNow(compileEncodedSteps(bytes, 'id', DEFAULT_LIMITS, memory))

/** Null if the layout is refused. */
function decoded(bytes: Buffer): CompiledLayout | null {
  function* steps(): Steps<CompiledLayout> {
    const layout = yield* decodeLayoutSteps(bytes, DEFAULT_LIMITS)
    yield* validateLayoutSteps(layout, DEFAULT_LIMITS)
    return yield* compileSteps(layout, 'id', memory)
  }
  try {
    return runNow(steps())
  } catch (error) {
    if (error instanceof RefusedError) return null
    throw error
  }
}

/** All that can be seen of a compiled layout. */
function contentOf(layout: CompiledLayout | null) {
  if (!layout) return null
  const { families, series, heap, buffers, plain } = layout
  const text = layout.text('underscores', new Set(['a', 'le']))
  const { blocks, offsets, open, hasLongBlocks } = plain
  const renamed = 'pieces' in text ? [...text.pieces({ from: 0, to: series })] : text
  return { families, series, heap, buffers, blocks, offsets, open, hasLongBlocks, renamed }
}

/** Mostly valid, with names that are equal, reserved or not legacy now and then. */
const plainName = fc.constantFrom('a', 'b', 'c_total', 'a_sum', 'x:y', 'le', 'quantile')
const anyName = fc.oneof(
  { arbitrary: plainName, weight: 30 },
  { arbitrary: fc.constantFrom('', '__a', 'größe', 'a.b', '\0'), weight: 1 },
)
const value = fc.oneof(
  {
    arbitrary: fc.constantFrom(
      ...['', '1', '0.5', '+Inf', '1.0', 'Inf', '"\\\n', 'größe', '\u{1f600}', 'GET'],
    ),
    weight: 30,
  },
  { arbitrary: fc.constantFrom('nul\0', '\ud800', 'v'.repeat(4097)), weight: 1 },
)
const labels = (names: fc.Arbitrary<string>) =>
  fc.array(fc.record({ name: names, value }), { maxLength: 3 })
const hostile: fc.Arbitrary<Layout> = fc
  .array(
    fc.record({
      name: anyName,
      type: fc.constantFrom(...FAMILY_TYPES),
      help: value,
      unit: fc.constantFrom('', 's'),
      series: fc.array(
        fc.record({ suffix: fc.constantFrom(...SUFFIXES), labels: labels(anyName) }),
        {
          maxLength: 4,
        },
      ),
    }),
    { maxLength: 3 },
  )
  .map(families => ({ families }))

/** Layouts as client libraries have them. */
const ordinary = fc
  .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,5}$/), fc.constantFrom(...FAMILY_TYPES)), {
    selector: ([name]) => name,
    maxLength: 5,
  })
  .chain(families =>
    fc.tuple(
      ...families.map(([name, type]) =>
        fc
          .uniqueArray(fc.tuple(fc.constantFrom(...SUFFIXES_OF[type]), fc.nat(200), value), {
            selector: ([suffix, n]) => `${suffix} ${n}`,
            maxLength: 150,
          })
          .map(series => ({
            name,
            type,
            help: 'Help.',
            unit: '',
            series: series.map(([suffix, n, text]) => ({
              suffix,
              labels: [
                { name: 'i', value: `${n}` },
                { name: 'le', value: `${n / 8}` },
                { name: 'quantile', value: `${n}` },
                { name: 'z', value: text.length > 9 || /[\0\ud800]/.test(text) ? '' : text },
              ],
            })),
          })),
      ),
    ),
  )
  .map((families): Layout => ({ families }))

describe('compiling an encoded layout', () => {
  test('the result is that of the decoded layout, or none', () => {
    fc.assert(
      fc.property(fc.oneof(hostile, layoutArbitrary), layout => {
        const { bytes } = encodeLayout(layout)
        const compiled = direct(bytes)
        if (compiled) expect(contentOf(compiled)).toEqual(contentOf(decoded(bytes)))
      }),
      { numRuns: 3000 },
    )
  })

  test('another valid encoding of a layout is compiled as the decoded one, or not at all', () => {
    const anyLayout = fc.oneof(hostile, ordinary)
    const choices = fc.array(fc.nat(99), { minLength: 1 })
    fc.assert(
      fc.property(anyLayout, choices, (layout, numbers) => {
        const bytes = new Spelling(numbers).layout(layout)
        const compiled = direct(bytes)
        if (compiled) expect(contentOf(compiled)).toEqual(contentOf(decoded(bytes)))
      }),
      { numRuns: 1000 },
    )
  })

  test('a series that appears twice in different encodings is not compiled', () => {
    // The gauge x with one label in each of two series.
    const layoutOf = (...labels: string[]) =>
      Buffer.from(`020278040000040002${labels.join('000002')}000000`, 'hex')
    const label = '02610262' // a="b"
    expect(direct(layoutOf(label, '02610263'))).not.toBeNull()
    for (const other of [label, '8200610262', '026182800062']) {
      const bytes = layoutOf(label, other)
      expect(decoded(bytes)).toBeNull()
      expect(direct(bytes)).toBeNull()
    }
  })

  test('a mutated layout is compiled as the decoded one, or not at all', () => {
    const { bytes } = encodeLayout(httpService(70).layout)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(2), (at, byte, how) => {
        const mutated =
          how === 0
            ? bytes.subarray(0, at)
            : how === 1
              ? Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at)])
              : Buffer.from(bytes)
        if (how === 2) mutated[at] = byte
        const compiled = direct(mutated)
        if (compiled) expect(contentOf(compiled)).toEqual(contentOf(decoded(mutated)))
      }),
      { numRuns: 3000 },
    )
  })

  test('a layout of a client library is never decoded', () => {
    fc.assert(
      fc.property(ordinary, layout => {
        const { bytes } = encodeLayout(layout)
        const compiled = direct(bytes)
        expect(compiled).not.toBeNull()
        expect(contentOf(compiled)).toEqual(contentOf(decoded(bytes)))
      }),
      { numRuns: 300 },
    )
    for (let variant = 0; variant < 50; variant++)
      expect(direct(encodeLayout(httpService(1000, `-${variant}`).layout).bytes)).not.toBeNull()
    expect(direct(encodeLayout(httpService(50_000).layout).bytes)).not.toBeNull()
  })

  test.each(Object.entries(EXPENSIVE_LAYOUTS))('%s: the result is the same, or none', (_, make) => {
    const { bytes } = encodeLayout(make(5))
    const compiled = direct(bytes)
    if (compiled) expect(contentOf(compiled)).toEqual(contentOf(decoded(bytes)))
  })
})
