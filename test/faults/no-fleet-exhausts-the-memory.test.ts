import { afterAll, expect, test } from 'vitest'
import { Programs } from '../support/program.js'
import type { Outcome } from '../support/programs/hostile-fleet.js'

const programs = new Programs()
afterAll(() => programs.remove())

const MIB = 2 ** 20

test('whatever a hostile fleet sends, a shard refuses it before its heap is exhausted, and its other targets stay up', async () => {
  const program = await programs.start(
    'hostile-fleet.ts',
    [`${24 * MIB}`],
    ['--max-old-space-size=80'],
  )
  await program.gone
  const outcomes = program.messages as Outcome[]
  expect([program.child.exitCode, program.child.signalCode]).toEqual([0, null])
  expect(outcomes.length).toBeGreaterThan(20)
  for (const { shape, phase, most, refused, states, left } of outcomes) {
    const what = `${shape}, ${phase}`
    expect([what, refused.limit ?? 0]).toEqual([what, expect.toSatisfy(count => count >= 100)])
    expect([what, most]).toEqual([what, expect.toSatisfy(share => share <= 1.1)])
    expect([what, [...new Set(states)]]).toEqual([what, ['up']])
    expect([what, left]).toEqual([what, 0])
  }
})
