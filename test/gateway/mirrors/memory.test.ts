import { afterAll, expect, test } from 'vitest'
import { Programs } from '../../support/program.js'
import type { MirrorGrowth } from '../../support/programs/held-mirrors.js'

const programs = new Programs()
afterAll(() => programs.remove())

test('the counted memory of mirrors is what really grows when they are published, or a little more', async () => {
  const program = await programs.start('held-mirrors.ts', [], ['--expose-gc'])
  await program.gone
  const growths = program.messages as MirrorGrowth[]
  const wrong = growths
    .map(growth => ({ ...growth, ratio: growth.counted / growth.real }))
    // What a target needs to be published is counted from its beginning.
    .filter(({ shape, ratio }) => !(ratio > 0.85 && (ratio < 1.3 || !shape.includes('published'))))
  expect(program.child.exitCode).toBe(0)
  expect(growths).toHaveLength(8)
  expect(wrong).toEqual([])
})
