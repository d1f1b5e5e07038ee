import fc from 'fast-check'
import { describe, test } from 'vitest'
import { expectNothingHeld, expectReferences } from '../../support/references.js'
import { anyStep, ShardHistory } from '../../support/shard-history.js'

describe('what is acquired is released', () => {
  test('after any sequence of records, scrapes, sweeps and moves nothing is held without a holder', () => {
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 80, size: 'max' }),
        fc.record({
          playoutDelayMs: fc.constantFrom(0, 1500),
          historyBytes: fc.constantFrom(700, 1e6),
          layoutBytes: fc.constantFrom(20_000, 1e6),
          memory: fc.constantFrom(
            { heap: 12_000, total: 14_000 },
            { heap: 40_000, total: 41_000 },
            { heap: 1e9, total: 1e9 },
          ),
          historyMaxAgeMs: fc.constant(20_000),
          forgetMs: fc.constant(30_000),
          tombstoneMs: fc.constant(3000),
          maxScrapers: fc.constant(2),
        }),
        (steps, options) => {
          const history = new ShardHistory(options)
          for (const step of steps) {
            history.take(step)
            expectReferences(history.shard, history.alone)
          }
          history.finish()
          expectNothingHeld(history.shard)
        },
      ),
      { numRuns: 150 },
    )
  })
})
