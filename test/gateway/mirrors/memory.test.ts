import { afterAll, expect, test } from 'vitest'
import { Programs } from '../../support/program.js'
import type { MirrorGrowth } from '../../support/programs/held-mirrors.js'

const programs = new Programs()
afterAll(() => programs.remove())

test('the counted memory of mirrors is about what really grows, for every size of targets', async () => {
  const program = await programs.start('held-mirrors.ts', [], ['--expose-gc'])
  await program.gone
  const growths = program.messages as MirrorGrowth[]
  const wrong = growths
    .map(growth => ({ ...growth, ratio: growth.counted / growth.real }))
    .filter(({ ratio }) => !(ratio > 0.85 && ratio < 1.3))
  expect(program.child.exitCode).toBe(0)
  expect(growths).toHaveLength(8)
  expect(wrong).toEqual([])
})
