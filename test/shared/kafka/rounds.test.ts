import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GroupSimulation } from '../../support/group-simulation.js'

type Step =
  | { readonly kind: 'start' | 'kill' | 'expire' | 'stop'; readonly which: number }
  | { readonly kind: 'restart'; readonly which: number; readonly isStable: boolean }
  | { readonly kind: 'round'; readonly absent: number[]; readonly deaf: number[] }

const which = fc.nat(7)
const some = fc.oneof(
  { weight: 3, arbitrary: fc.constant<number[]>([]) },
  { weight: 1, arbitrary: fc.array(which, { maxLength: 3 }) },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('start', 'kill', 'expire', 'stop'), which }),
  fc.record({ kind: fc.constant('restart'), which, isStable: fc.boolean() }),
  fc.record({ kind: fc.constant('round'), absent: some, deaf: some }),
)
const anyHistory = fc.record({
  partitionCount: fc.integer({ min: 1, max: 17 }),
  steps: fc.array(step, { maxLength: 40 }),
})

function run({ partitionCount, steps }: { partitionCount: number; steps: Step[] }) {
  const group = new GroupSimulation(partitionCount)
  for (const step of steps) {
    const pick = (index: number) => group.instances[index % group.instances.length]
    if (step.kind === 'start') group.start()
    else if (step.kind === 'round') {
      const instances = (of: number[]) =>
        new Set(of.map(pick).filter(instance => instance !== undefined))
      group.round(instances(step.absent), instances(step.deaf))
    } else {
      const instance = pick(step.which)
      if (instance === undefined) continue
      if (step.kind === 'restart') group.restart(instance, step.isStable)
      else group[step.kind](instance)
    }
  }
  return group
}

test('no partition is ever served by two members, whatever joins, leaves, dies, returns or misses a round', () => {
  fc.assert(
    fc.property(anyHistory, history => {
      expect(run(history).violations).toEqual([])
    }),
    { numRuns: 2_000 },
  )
})

test('any group reaches a balanced assignment of all partitions within three undisturbed rounds', () => {
  fc.assert(
    fc.property(anyHistory, history => {
      const group = run(history)
      for (const instance of group.instances) group.restart(instance, false)
      group.start()
      // One to give up, one to assign, and one for the members that are leaving.
      for (let round = 0; round < 3; round++) group.round()
      expect(group.pending).toBe(false)
      const shares = [...group.served.values()]
      expect(shares.flat().sort((a, b) => a - b)).toEqual(
        Array.from({ length: history.partitionCount }, (_, p) => p),
      )
      const sizes = shares.map(partitions => partitions.length)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      // It stays there.
      group.round()
      expect([group.moving, group.violations]).toEqual([false, []])
    }),
    { numRuns: 2_000 },
  )
})

test('a joining member gets its share in the second round, with the previous owners', () => {
  const group = new GroupSimulation(6)
  const first = group.start()
  group.round()
  const second = group.start()
  group.round()
  expect(group.served.get(first)).toEqual([0, 1, 2])
  expect(group.served.get(second)).toEqual([])
  expect(group.pending).toBe(true)
  group.round()
  expect(group.served.get(second)).toEqual([3, 4, 5])
  expect(group.pending).toBe(false)
  expect([...group.previous]).toEqual([3, 4, 5].map(partition => [partition, 'm1']))
})

test('a member that stops hands everything over in the second round, and nothing else moves', () => {
  const group = new GroupSimulation(6)
  const [a, b, c] = [group.start(), group.start(), group.start()]
  group.round()
  const before = group.served
  group.stop(a)
  group.round()
  expect(group.served.get(a)).toEqual([])
  expect(group.served.get(b)).toEqual(before.get(b))
  group.round()
  expect(group.instances).toEqual([b, c])
  expect([...group.previous]).toEqual(before.get(a)!.map(partition => [partition, 'm1']))
  for (const other of [b, c]) {
    expect(group.served.get(other)).toEqual(expect.arrayContaining(before.get(other)!))
    expect(group.served.get(other)).toHaveLength(3)
  }
})

test('a member that gets back what it gave up is its previous owner', () => {
  const group = new GroupSimulation(6)
  group.start()
  group.start()
  group.round()
  const before = group.served
  const joining = group.start()
  group.round()
  expect(group.pending).toBe(true)
  group.kill(joining)
  group.expire(joining)
  group.round()
  expect(group.served).toEqual(before)
  const returned = [...before].map(([member, owned]) => [owned.at(-1), `m${member}`])
  expect([...group.previous].sort()).toEqual(returned.sort())
})

test('after a crash no previous owner is named', () => {
  const group = new GroupSimulation(4)
  const [a] = [group.start(), group.start()]
  group.round()
  group.kill(a)
  group.expire(a)
  group.round()
  expect([...group.served.values()].flat()).toHaveLength(4)
  expect(group.previous.size).toBe(0)
})

test('a killed member keeps its partitions until it expires, and a process that takes its place gets them back', () => {
  const group = new GroupSimulation(4)
  const [a, b] = [group.start(), group.start()]
  group.round()
  const before = group.served.get(a)
  group.kill(a)
  group.restart(a, true)
  expect(group.served.get(a)).toEqual(before)
  group.kill(a)
  group.round()
  expect(group.served.get(b)).toHaveLength(2)
  group.restart(a, false)
  group.round()
  expect(group.served.get(a)).toEqual(before)
  expect(group.previous.size).toBe(0)
})
