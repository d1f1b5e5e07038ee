import fc from 'fast-check'
import type {
  HistogramMessage,
  MessageV1,
  MessageV2,
} from '../../../support/remote-write-schema.js'

const text = fc.oneof(
  fc.constantFrom('__name__', 'job', 'instance', 'up', 'a', 'le', '0.5'),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
)
/** Times as senders write them, and others. */
export const time = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 }),
  fc.constantFrom(0, 1, -1, 2 ** 42, 2 ** 53 - 1, -(2 ** 53) + 1),
)
const value = fc.oneof(fc.double(), fc.constantFrom(0, -0, 1, Number.NaN, Infinity, -Infinity))
const sampleV1 = fc.record({ value, timestamp: time }, { requiredKeys: [] })
const sampleV2 = fc.record({ value, timestamp: time, startTimestamp: time }, { requiredKeys: [] })

const histogram: fc.Arbitrary<HistogramMessage> = fc.record(
  {
    countInt: fc.nat(),
    sum: value,
    schema: fc.integer({ min: -53, max: 8 }),
    zeroThreshold: fc.double({ noNaN: true }),
    zeroCountInt: fc.nat(),
    positiveSpans: fc.array(
      fc.record({ offset: fc.integer({ min: -100, max: 100 }), length: fc.nat(100) }),
      { maxLength: 3 },
    ),
    positiveDeltas: fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 5 }),
    positiveCounts: fc.array(value, { maxLength: 3 }),
    customValues: fc.array(value, { maxLength: 3 }),
    resetHint: fc.constantFrom(0, 1, 2, 3),
    timestamp: time,
  },
  { requiredKeys: [] },
)

const labels = fc.array(fc.record({ name: text, value: text }), { maxLength: 5 })

export const messageV1: fc.Arbitrary<MessageV1> = fc.record({
  timeseries: fc.array(
    fc.record({
      labels,
      samples: fc.array(sampleV1, { maxLength: 4 }),
      exemplars: fc.array(fc.record({ labels, value, timestamp: time }), { maxLength: 2 }),
      histograms: fc.array(histogram, { maxLength: 2 }),
    }),
    { maxLength: 6 },
  ),
  metadata: fc.array(
    fc.record({ type: fc.nat(9), metricFamilyName: text, help: text, unit: text }),
    { maxLength: 3 },
  ),
})

export const messageV2: fc.Arbitrary<MessageV2> = fc
  .array(text, { minLength: 1, maxLength: 300 })
  .chain(texts => {
    const symbols = ['', ...texts]
    const ref = fc.oneof(fc.nat(Math.min(symbols.length - 1, 20)), fc.nat(symbols.length - 1))
    const refs = fc.array(fc.tuple(ref, ref), { maxLength: 5 }).map(pairs => pairs.flat())
    return fc.record({
      symbols: fc.constant(symbols),
      timeseries: fc.array(
        fc.record(
          {
            labelsRefs: refs,
            samples: fc.array(sampleV2, { maxLength: 4 }),
            histograms: fc.oneof(
              { weight: 4, arbitrary: fc.constant([]) },
              fc.array(histogram, { maxLength: 2 }),
            ),
            exemplars: fc.oneof(
              { weight: 4, arbitrary: fc.constant([]) },
              fc.array(fc.record({ labelsRefs: refs, value, timestamp: time }), { maxLength: 2 }),
            ),
            metadata: fc.record({ type: fc.nat(9), helpRef: ref, unitRef: ref }),
            createdTimestamp: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, time),
          },
          { requiredKeys: ['labelsRefs', 'samples', 'histograms', 'exemplars'] },
        ),
        { maxLength: 8 },
      ),
    })
  })
