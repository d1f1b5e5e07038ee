import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HandoverReader } from '../../../exposer/core/handover/thaw.js'
import { runNow } from '../../../shared/base/steps.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import { RELAYED_RUNS } from '../../../shared/snapshot/relayed.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const START = 1_700_000_000_000
const INTERVAL_MS = 10_000
const RUNS = { push: RELAYED_RUNS.push, mirror: RELAYED_RUNS.mirror, native: 1000 }
const key = new FakeApp().latin1Key

/** A shard that reads a log, or several that own the partition one after the other. */
class Owners {
  fake = new FakeShard(START, { playoutDelayMs: 0 })

  append(record: LogRecord): void {
    this.fake.shard.apply(0, record, this.fake.now)
    this.fake.fetch()
  }

  /** A planned move. The next owner replays the whole log. */
  move(log: readonly LogRecord[]): void {
    const old = this.fake
    const next = new FakeShard(old.wall, { playoutDelayMs: 0 })
    const change = { epoch: 2, partitionCount: 1, kept: [] }
    next.shard.assign({ ...change, fresh: [], lost: [0] }, next.now)
    const [frozen] = old.shard.assign({ ...change, fresh: [], lost: [0] }, old.now)
    next.shard.assign({ ...change, fresh: [0], lost: [] }, next.now)
    const bounds = { partition: 0, partitionCount: 1, maxTargets: 10, limits: DEFAULT_LIMITS }
    const memory = { makeRoom: () => true, promise() {} }
    const reader = new HandoverReader({ ...bounds, memory })
    for (const line of frozen!.lines(old.now)) reader.line(line)
    next.shard.receive(0, reader.done(), next.now)
    next.shard.replay(0, 0, log.length, next.now)
    for (const record of log) next.shard.apply(0, record, next.now)
    next.shard.fetched(0, log.length, log.length, next.now)
    runNow(next.shard.settleSteps(0, next.now))
    this.fake = next
  }

  get exposed() {
    const { shard, now } = this.fake
    const target = shard.find(key)
    if (!target) return undefined
    const { state, sequence, relayed, intervalMs } = shard.describe(target, now)
    const value = state === 'up' && /^x (\d+)$/m.exec(this.fake.target(new FakeApp()))?.[1]
    return { state, sequence, relayed, intervalMs, value }
  }
}

const anyStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      run: fc.constantFrom<(keyof typeof RUNS)[]>('push', 'mirror', 'mirror', 'native'),
      /** Relayed live, as backfill, or too late for virtual targets. */
      ago: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 250_000 })),
      kind: fc.constantFrom('snapshot', 'snapshot', 'snapshot', 'fail', 'end'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(2 * INTERVAL_MS) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('move' as const) }) },
)

test('relayed and native runs of a target are exposed the same whether the partition moves or not', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 5, maxLength: 40, size: 'max' }), steps => {
      const [staying, moving] = [new Owners(), new Owners()]
      const apps = Object.fromEntries(
        Object.entries(RUNS).map(([run, incarnation]) => [
          run,
          new FakeApp({ intervalMs: INTERVAL_MS, incarnation }),
        ]),
      )
      const log: LogRecord[] = []
      let value = 0
      for (const step of steps) {
        if (step.do === 'pass') for (const { fake } of [staying, moving]) fake.pass(step.ms)
        else if (step.do === 'move') moving.move(log)
        else {
          const { run, ago, kind } = step
          const native = run === 'native'
          const collectedAt = staying.fake.wall - (native ? 0 : ago)
          const common = { collectedAt, sequence: native ? undefined : collectedAt }
          const app = apps[run]!
          const record =
            kind === 'fail'
              ? app.failure('no answer', common)
              : app.record({
                  ...common,
                  exposition: `# TYPE x gauge\nx ${++value}\n`,
                  end: kind === 'end',
                })
          const filed = { ...record, offset: log.length, timestamp: staying.fake.wall }
          log.push(filed)
          for (const owner of [staying, moving]) owner.append(filed)
        }
        expect(moving.exposed).toEqual(staying.exposed)
      }
    }),
    { numRuns: 60, endOnFailure: true },
  )
})
