import { expect, test } from 'vitest'
import { PushState } from '../../../../gateway/state/push-state.js'
import { encodeRequest } from '../../../../gateway/state/request-codec.js'
import { StateLoader } from '../../../../gateway/state/state-loader.js'
import { Applier } from '../../../../gateway/store/kafka/applier.js'
import { noFigures } from '../../../../gateway/store/kafka/figures.js'
import { LogClock } from '../../../../gateway/store/kafka/log-clock.js'
import { runNow } from '../../../../shared/base/steps.js'
import { type Push, pushed, requestOf } from '../../state/text.js'

/** Each look at the clock ends a slice. */
function hastyApplier(machine: PushState): Applier {
  let mono = 0
  const clock = { now: () => ({ wall: 0, mono: mono++ * 1_000 }) }
  return new Applier(machine, new LogClock(), clock, noFigures(), {
    onApplied() {},
    onHalt(reason) {
      throw new Error(reason)
    },
  })
}

function recordsOf(pushes: readonly Push[]) {
  return pushes.map((push, offset) => ({
    offset,
    timestamp: 1_000 + offset,
    value: encodeRequest(requestOf(push)),
    key: null,
    headers: {},
  }))
}

test('a snapshot never has a part of a record, which would be counted twice', async () => {
  const lines = Array.from({ length: 5_000 }, (_, i) => `x_total{l="${i}"} 1`).join('\n')
  const body = `# TYPE x_total counter\n${lines}\n`
  const add = { method: 'accumulate', body } as const
  const records = recordsOf([add, add])
  const whole = new PushState()
  const applier = hastyApplier(whole)
  let isDone = false
  const applied = applier.apply(records).then(() => {
    isDone = true
  })
  let snapshots = 0
  while (!isDone) {
    const frozen = await applier.freeze()
    snapshots++
    const loader = new StateLoader()
    for (const part of frozen.parts()) runNow(loader.add(part))
    frozen.release()
    const rest = loader.finish(frozen)
    for (const { offset, timestamp, value } of records.slice(frozen.offset))
      runNow(rest.apply({ offset, time: timestamp, value }))
    expect(pushed(rest)).toContain(`x_total{instance="",job="j",l="0"} 2\n`)
    await new Promise(setImmediate)
  }
  await applied
  expect(snapshots).toBeGreaterThan(0)
})
