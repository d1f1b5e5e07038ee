import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConflatingQueue } from '../../../shared/publish/conflating-queue.js'
import { type Batch, Dispatcher, Slot } from '../../../shared/publish/dispatcher.js'
import { OrderedQueue } from '../../../shared/publish/ordered-queue.js'
import type { SendError } from '../../../shared/publish/publication.js'

interface Item {
  readonly target: number
  readonly number: number
  readonly encodedBytes: number
}

const BATCH_BYTES = 256 * 1024
const lost: SendError = new Error('the connection is gone')
const refused: SendError = Object.assign(new Error('too large'), { refusal: true })

/** A dispatcher of some targets and the brokers it sends to, in steps that a test chooses. */
class Simulation {
  now = 0
  readonly flying: Batch<Item>[] = []
  readonly slots: Slot<Item>[]
  /** Numbers of what arrived, and of what was handed back, by target. */
  readonly arrived: number[][]
  readonly handedBack: number[][]
  readonly offered: number[]
  /** The lane of each target; undefined is unknown. */
  lanes: (number | undefined)[]
  /** Items that are refused whatever is with them. */
  readonly poison = new Set<Item>()
  readonly dispatcher = new Dispatcher<Item>({
    laneOf: key => this.lanes[key[0]],
    random: () => 0.5,
  })

  constructor(
    readonly policy: 'conflating' | 'ordered',
    targets: number,
    lanes: number,
  ) {
    const queue = () => (policy === 'ordered' ? new OrderedQueue<Item>() : new ConflatingQueue<Item>())
    this.slots = Array.from({ length: targets }, (_, i) => new Slot(Buffer.from([i]), queue()))
    this.arrived = this.slots.map(() => [])
    this.handedBack = this.slots.map(() => [])
    this.offered = this.slots.map(() => 0)
    this.lanes = this.slots.map((_, i) => i % lanes)
  }

  offer(target: number, encodedBytes = 1000): Item {
    const slot = this.slots[target]
    const item = { target, number: this.offered[target]++, encodedBytes }
    const queue = slot.queue as ConflatingQueue<Item>
    queue.offer(item)
    this.dispatcher.enqueue(slot, this.now)
    return item
  }

  begin(): Batch<Item> | null {
    const batch = this.dispatcher.next(this.now)
    if (batch) this.flying.push(batch)
    return batch
  }

  settle(batch: Batch<Item>, outcomeOf: (item: Item) => SendError | null): void {
    this.flying.splice(this.flying.indexOf(batch), 1)
    // As a broker does: one record that it refuses fails all of a batch.
    const bad = batch.entries.some(({ item }) => this.poison.has(item))
    const outcomes = batch.entries.map(({ item }) => (bad ? refused : outcomeOf(item)))
    for (const { slot, acknowledged, refused } of this.dispatcher.settle(batch, outcomes, this.now)) {
      const target = this.slots.indexOf(slot)
      this.arrived[target].push(...acknowledged.map(({ number }) => number))
      if (refused) this.handedBack[target].push(refused.number)
    }
  }

  check(): void {
    for (const [i, { queue }] of this.slots.entries()) {
      const { offered, acknowledged, superseded, refused, held } = queue
      expect(offered).toBe(acknowledged + superseded + refused + held)
      expect(offered).toBe(this.offered[i])
      expect(acknowledged).toBe(this.arrived[i].length)
      expect(refused).toBe(this.handedBack[i].length)
      for (let n = 1; n < this.arrived[i].length; n++)
        expect(this.arrived[i][n]).toBeGreaterThan(this.arrived[i][n - 1])
      if (this.policy === 'ordered') expect(superseded).toBe(0)
      else expect(held).toBeLessThanOrEqual(2)
    }
    const targets = this.flying.map(batch => [...new Set(batch.entries.map(({ slot }) => slot))])
    // Of one target nothing is in two batches, and of one lane there is one batch.
    expect(new Set(targets.flat()).size).toBe(targets.flat().length)
    expect(new Set(this.flying.map(({ lane }) => lane)).size).toBe(this.flying.length)
    expect(this.flying.length).toBeLessThanOrEqual(16)
    expect(this.flying.filter(({ failing }) => failing).length).toBeLessThanOrEqual(8)
    for (const { entries } of this.flying) {
      const bytes = entries.slice(0, -1).reduce((sum, { item }) => sum + item.encodedBytes, 0)
      expect(bytes).toBeLessThan(BATCH_BYTES)
      for (const { slot } of entries) {
        const numbers = entries.filter(entry => entry.slot === slot).map(({ item }) => item.number)
        expect(numbers).toEqual(numbers.map((_, i) => numbers[0] + i))
      }
    }
  }

  /** Everything works from now on: sends until nothing is left. */
  drain(): void {
    for (let turns = 0; this.slots.some(({ queue }) => queue.held > 0); turns++) {
      expect(turns, 'it is stuck').toBeLessThan(10_000)
      const batch = this.begin() ?? this.flying[0]
      if (batch) this.settle(batch, () => null)
      else this.now = this.dispatcher.dueAt(this.now) ?? expect.fail('nothing is due, and something is held')
      this.check()
    }
  }
}

const TARGETS = 5
const step = fc.oneof(
  {
    // Bursts, so that batches have several of one target.
    weight: 5,
    arbitrary: fc.record({
      offer: fc.nat(TARGETS - 1),
      times: fc.integer({ min: 1, max: 4 }),
      size: fc.constantFrom(10, 1000, 1000, 300_000),
    }),
  },
  { weight: 2, arbitrary: fc.constant('begin' as const) },
  {
    weight: 4,
    arbitrary: fc.record({
      settle: fc.nat(20),
      as: fc.constantFrom('all', 'all', 'none', 'refused', 'some'),
      bits: fc.nat(2 ** TARGETS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ pass: fc.constantFrom(1, 60, 150, 2000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ move: fc.nat(TARGETS - 1), to: fc.constantFrom(undefined, 0, 1, 2, -3, -4) }),
  },
  { weight: 1, arbitrary: fc.record({ hurry: fc.nat(TARGETS - 1) }) },
)
const policies = fc.constantFrom('conflating' as const, 'ordered' as const)

function run(simulation: Simulation, one: typeof step extends fc.Arbitrary<infer S> ? S : never): void {
  if (one === 'begin') simulation.begin()
  else if ('offer' in one) for (let i = 0; i < one.times; i++) simulation.offer(one.offer, one.size)
  else if ('pass' in one) simulation.now += one.pass
  else if ('move' in one) simulation.lanes[one.move] = one.to
  else if ('hurry' in one) simulation.dispatcher.hurry(simulation.slots[one.hurry], simulation.now)
  else {
    const batch = simulation.flying[one.settle % (simulation.flying.length || 1)]
    if (!batch) return
    const some = (item: Item) => ((one.bits >> ((item.target + item.number) % TARGETS)) & 1 ? lost : null)
    const outcomes = { all: () => null, none: () => lost, refused: () => refused, some }
    simulation.settle(batch, outcomes[one.as as keyof typeof outcomes])
  }
}

describe('whatever is offered, sent, lost, refused and moved in whatever order', () => {
  test('each target’s offers are acknowledged, superseded, handed back or held, and its order is kept', () => {
    fc.assert(
      fc.property(policies, fc.array(step, { maxLength: 300 }), (policy, steps) => {
        const simulation = new Simulation(policy, TARGETS, 3)
        for (const one of steps) {
          run(simulation, one)
          simulation.check()
        }
      }),
      { numRuns: 100 },
    )
  })

  test('everything that is held arrives once sends succeed, and of an ordered target nothing is missing', () => {
    fc.assert(
      fc.property(policies, fc.array(step, { maxLength: 150 }), (policy, steps) => {
        const simulation = new Simulation(policy, TARGETS, 3)
        for (const one of steps) run(simulation, one)
        simulation.drain()
        for (const [target, count] of simulation.offered.entries()) {
          const arrived = simulation.arrived[target]
          if (policy === 'ordered') {
            const all = [...arrived, ...simulation.handedBack[target]].sort((a, b) => a - b)
            expect(all).toEqual(Array.from({ length: count }, (_, i) => i))
          } else if (count > 0) expect(arrived.at(-1)).toBe(count - 1)
        }
      }),
      { numRuns: 100 },
    )
  })
})

test('of a target’s entries in one batch none counts as arrived after one that failed', () => {
  const simulation = new Simulation('ordered', 2, 1)
  for (let i = 0; i < 4; i++) for (const target of [0, 1]) simulation.offer(target)
  const batch = simulation.begin()!
  expect(batch.entries).toHaveLength(8)
  simulation.settle(batch, ({ target, number }) => (target === 0 && number === 1 ? lost : null))
  expect(simulation.arrived).toEqual([[0], [0, 1, 2, 3]])
  simulation.drain()
  expect(simulation.arrived).toEqual([
    [0, 1, 2, 3],
    [0, 1, 2, 3],
  ])
})

describe('a lane', () => {
  test('has one batch in flight; what is offered meanwhile goes together in the next', () => {
    const simulation = new Simulation('conflating', 5, 1)
    simulation.offer(0)
    const first = simulation.begin()!
    for (const target of [0, 1, 2, 3, 4]) simulation.offer(target)
    expect(simulation.begin()).toBeNull()
    simulation.settle(first, () => null)
    expect(simulation.begin()!.entries.map(({ item }) => item.target)).toEqual([1, 2, 3, 4, 0])
  })

  test('that hangs holds back no other', () => {
    const simulation = new Simulation('conflating', 4, 2)
    simulation.offer(0)
    const hanging = simulation.begin()!
    for (let round = 0; round < 10; round++) {
      simulation.offer(1)
      simulation.settle(simulation.begin()!, () => null)
    }
    expect(simulation.flying).toEqual([hanging])
    expect(simulation.arrived[1]).toHaveLength(10)
  })

  test('that fails waits, from 0.1 to 1 s, and is tried with one of its targets', () => {
    const simulation = new Simulation('conflating', 3, 1)
    for (const target of [0, 1, 2]) simulation.offer(target)
    const waits: number[] = []
    for (let attempt = 0; attempt < 6; attempt++) {
      const batch = simulation.begin()!
      expect(batch.entries).toHaveLength(attempt === 0 ? 3 : 1)
      simulation.settle(batch, () => lost)
      expect(simulation.begin()).toBeNull()
      const due = simulation.dispatcher.dueAt(simulation.now)!
      waits.push(due - simulation.now)
      simulation.now = due
    }
    expect(waits).toEqual([75, 150, 300, 600, 750, 750])
    simulation.settle(simulation.begin()!, () => null)
    expect(simulation.begin()!.entries).toHaveLength(2)
  })

  test('that fails is tried at once for a target in a hurry', () => {
    const simulation = new Simulation('conflating', 1, 1)
    simulation.offer(0)
    simulation.settle(simulation.begin()!, () => lost)
    expect(simulation.begin()).toBeNull()
    simulation.dispatcher.hurry(simulation.slots[0], simulation.now)
    expect(simulation.begin()).not.toBeNull()
  })

  test('of which nothing is known is tried with one target; the rest goes where it belongs', () => {
    const simulation = new Simulation('conflating', 6, 2)
    const known = simulation.lanes
    simulation.lanes = known.map(() => undefined)
    for (let target = 0; target < 6; target++) simulation.offer(target)
    const first = simulation.begin()!
    expect(first.entries).toHaveLength(1)
    expect(simulation.begin()).toBeNull()
    simulation.lanes = known
    simulation.settle(first, () => null)
    const targets = [simulation.begin()!, simulation.begin()!].map(({ entries }) =>
      entries.map(({ item }) => item.target),
    )
    expect(targets.map(list => [...list].sort())).toEqual([
      [1, 3, 5],
      [2, 4],
    ])
  })

  test('that fails in part delays the targets that failed, not the others', () => {
    const simulation = new Simulation('conflating', 3, 1)
    for (const target of [0, 1, 2]) simulation.offer(target)
    simulation.settle(simulation.begin()!, ({ target }) => (target === 1 ? lost : null))
    for (const target of [0, 1, 2]) simulation.offer(target)
    expect(simulation.begin()!.entries.map(({ item }) => item.target)).toEqual([0, 2])
  })

  test('that a target leaves by failing does not wait for it; the one that it comes to does', () => {
    const simulation = new Simulation('conflating', 3, 1)
    for (const target of [0, 1, 2]) simulation.offer(target)
    const batch = simulation.begin()!
    simulation.lanes = [0, -2, 0]
    simulation.settle(batch, () => lost)
    expect(simulation.dispatcher.dueAt(0)).toBe(75)
    simulation.now = 74
    expect(simulation.begin()).toBeNull()
    simulation.now = 75
    const lanes = [simulation.begin()!, simulation.begin()!].map(({ lane }) => lane)
    expect(lanes.sort()).toEqual([-2, 0])
  })

  test('gives each of its targets a turn before any has a second', () => {
    const simulation = new Simulation('ordered', 3, 1)
    for (let i = 0; i < 4; i++) simulation.offer(0, 60_000)
    simulation.offer(1, 60_000)
    simulation.offer(2, 60_000)
    const first = simulation.begin()!
    expect(first.entries.map(({ item }) => [item.target, item.number])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [0, 1],
      [0, 2],
    ])
  })

  test('has batches of 256 KiB, and one entry at least', () => {
    const simulation = new Simulation('conflating', 10, 1)
    for (let target = 0; target < 10; target++) simulation.offer(target, target === 0 ? 5_000_000 : 100_000)
    const sizes: number[] = []
    for (let batch = simulation.begin(); batch; batch = simulation.begin()) {
      sizes.push(batch.entries.length)
      simulation.settle(batch, () => null)
    }
    expect(sizes).toEqual([1, 3, 3, 3])
  })
})

describe('lanes that fail', () => {
  test('take half of the batches in flight at most, so that others have a place', () => {
    const simulation = new Simulation('conflating', 40, 40)
    for (let target = 0; target < 30; target++) simulation.offer(target)
    for (let batch = simulation.begin(); batch; batch = simulation.begin())
      simulation.settle(batch, () => lost)
    simulation.now += 1000
    while (simulation.begin());
    expect(simulation.flying).toHaveLength(8)
    for (let target = 30; target < 40; target++) simulation.offer(target)
    while (simulation.begin());
    expect(simulation.flying).toHaveLength(16)
    simulation.check()
  })
})

describe('a record that the brokers refuse', () => {
  test('is found among the others, which are sent by themselves, and delays its own target only', () => {
    const simulation = new Simulation('conflating', 20, 1)
    for (let target = 0; target < 20; target++) {
      const item = simulation.offer(target)
      if (target === 7) simulation.poison.add(item)
    }
    for (let batch = simulation.begin(); batch; batch = simulation.begin())
      simulation.settle(batch, () => null)
    expect(simulation.arrived.map(list => list.length)).toEqual(
      simulation.slots.map((_, i) => (i === 7 ? 0 : 1)),
    )
    // Well again with the next, which is smaller; until it is known to be, it goes by itself.
    simulation.offer(7)
    expect(simulation.begin()).toBeNull()
    simulation.now = simulation.dispatcher.dueAt(simulation.now)!
    simulation.offer(3)
    const targets = () => {
      const batch = simulation.begin()!
      simulation.settle(batch, () => null)
      return batch.entries.map(({ item }) => item.target)
    }
    expect([targets(), targets()]).toEqual([[3], [7]])
    expect(simulation.arrived[7]).toEqual([1])
    for (const target of [6, 7, 8]) simulation.offer(target)
    expect(simulation.begin()!.entries).toHaveLength(3)
  })

  test('of an ordered target is handed back, and what stands behind it is sent', () => {
    const simulation = new Simulation('ordered', 1, 1)
    for (let i = 0; i < 5; i++) {
      const item = simulation.offer(0)
      if (i === 2) simulation.poison.add(item)
    }
    simulation.drain()
    expect(simulation.arrived[0]).toEqual([0, 1, 3, 4])
    expect(simulation.handedBack[0]).toEqual([2])
  })
})
