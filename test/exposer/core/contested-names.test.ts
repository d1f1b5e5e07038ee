import { expect, test } from 'vitest'
import type { CompiledFamily, CompiledLayout } from '../../../exposer/core/store/compiled-layout.js'
import { FamilyIndex } from '../../../exposer/core/store/family-index.js'

const WAITING = 5000
/** Characters that are escaped to underscores. */
const ESCAPED = ['-', '.', '~', '@', '#', '%', '$', '!', '+', '*']

const family = (name: string, type: string) =>
  ({ name, type, counterSuffix: '' }) as unknown as CompiledFamily

/** A name of its own that is `h____` when it is escaped. */
const nameOf = (i: number) =>
  `h${String(i)
    .padStart(4, '0')
    .replace(/\d/g, digit => ESCAPED[+digit]!)}`

class Index {
  readonly families = new FamilyIndex()
  readonly #layouts = new Map<string, { holders: number; families: CompiledFamily[] }>()

  use(name: string, families: CompiledFamily[]): void {
    const layout = { holders: 1, families }
    this.#layouts.set(name, layout)
    this.families.note(layout as unknown as CompiledLayout)
  }

  drop(name: string): void {
    const layout = this.#layouts.get(name)!
    layout.holders = 0
    this.families.note(layout as unknown as CompiledLayout)
  }

  /** @returns the number of steps that the changes took */
  update(): number {
    let steps = 1
    for (const _ of this.families.updateSteps()) steps++
    return steps
  }

  exposed(): number {
    return [...this.families.all()].filter(group => isExposed(group)).length
  }
}

const isExposed = (group: object) =>
  (group as { exposed: ReadonlySet<string> }).exposed.has('text escaped')

test('a free name for which thousands of families wait is offered in short steps', () => {
  const index = new Index()
  index.use('first', [family('h____', 'gauge')])
  index.use('second', [family('h_____bucket', 'gauge')])
  index.use(
    'waiting',
    Array.from({ length: WAITING }, (_, i) => family(nameOf(i), 'histogram')),
  )
  index.update()
  expect(index.families.conflicts).toBe(WAITING)
  // All of them wait for the other name then, and back.
  for (const [freed, name] of [
    ['first', 'h____'],
    ['second', 'h_____bucket'],
    ['first', 'h____'],
  ] as const) {
    index.drop(freed)
    expect(index.update()).toBeGreaterThan(WAITING / 100)
    expect(index.families.conflicts).toBe(WAITING)
    index.use(freed, [family(name, 'gauge')])
  }
  index.drop('first')
  index.drop('second')
  index.update()
  expect(index.families.conflicts).toBe(WAITING - 1)
  expect(index.exposed()).toBe(1)
  index.drop('waiting')
  index.update()
  expect(index.families.conflicts).toBe(0)
  expect(index.families.bytes).toBe(0)
})
