import { afterAll, describe, expect, test } from 'vitest'
import { Programs } from '../../../support/program.js'
import type { Growth } from '../../../support/programs/held-memory.js'

const programs = new Programs()
afterAll(() => programs.remove())

describe('the counted memory', () => {
  test('is within 15 % of what really grows, for every shape of targets', async () => {
    const program = await programs.start('held-memory.ts', [], ['--expose-gc'])
    await program.gone
    const growths = program.messages as Growth[]
    const wrong = growths
      .map(growth => ({ ...growth, ratio: growth.counted / (growth.heap + growth.buffers) }))
      .filter(({ ratio }) => !(ratio > 0.85 && ratio < 1.15))
    expect(program.child.exitCode).toBe(0)
    expect(growths.length).toBeGreaterThan(20)
    expect(wrong).toEqual([])
  })
})
