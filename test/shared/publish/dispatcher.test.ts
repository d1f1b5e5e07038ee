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

/** A dispatcher with some targets and simulated brokers. The test chooses the steps. */
class Simulation {
  now = 0
  readonly inFlight: Batch<Item>[] = []
  readonly slots: Slot<Item>[]
  /** Numbers of the acknowledged items, and of the refused ones that were returned, by target. */
  readonly acknowledged: number[][]
  readonly returned: number[][]
  readonly offered: number[]
  /** Lane of each target, or undefined if it is not known. */
  lanes: (number | undefined)[]
  /** Items that the brokers refuse. */
  readonly refusable = new Set<Item>()
  readonly dispatcher = new Dispatcher<Item>({
    laneOf: key => this.lanes[key[0]],
    random: () => 0.5,
  })

  constructor(
    readonly policy: 'conflating' | 'ordered',
    targets: number,
    lanes: number,
  ) {
    const queue = () =>
      policy === 'ordered' ? new OrderedQueue<Item>() : new ConflatingQueue<Item>()
    this.slots = Array.from({ length: targets }, (_, i) => new Slot(Buffer.from([i]), queue()))
    this.acknowledged = this.slots.map(() => [])
    this.returned = this.slots.map(() => [])
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
    if (batch) this.inFlight.push(batch)
    return batch
  }

  complete(batch: Batch<Item>, outcomeOf: (item: Item) => SendError | null): void {
    this.inFlight.splice(this.inFlight.indexOf(batch), 1)
    // As with Kafka, one refused record fails the whole batch.
    const isRefused = batch.entries.some(({ item }) => this.refusable.has(item))
    const outcomes = batch.entries.map(({ item }) => (isRefused ? refused : outcomeOf(item)))
    for (const { slot, acknowledged, refused } of this.dispatcher.complete(
      batch,
      outcomes,
      this.now,
    )) {
      const target = this.slots.indexOf(slot)
      this.acknowledged[target].push(...acknowledged.map(({ number }) => number))
      if (refused) this.returned[target].push(refused.number)
    }
  }

  check(): void {
    for (const [i, { queue }] of this.slots.entries()) {
      const { offered, acknowledged, superseded, refused, held } = queue
      expect(offered).toBe(acknowledged + superseded + refused + held)
      expect(offered).toBe(this.offered[i])
      expect(acknowledged).toBe(this.acknowledged[i].length)
      expect(refused).toBe(this.returned[i].length)
      for (let n = 1; n < this.acknowledged[i].length; n++)
        expect(this.acknowledged[i][n]).toBeGreaterThan(this.acknowledged[i][n - 1])
      if (this.policy === 'ordered') expect(superseded).toBe(0)
      else expect(held).toBeLessThanOrEqual(2)
    }
    const targets = this.inFlight.map(batch => [...new Set(batch.entries.map(({ slot }) => slot))])
    // A target is in at most one batch, and a lane has at most one batch.
    expect(new Set(targets.flat()).size).toBe(targets.flat().length)
    expect(new Set(this.inFlight.map(({ lane }) => lane)).size).toBe(this.inFlight.length)
    expect(this.inFlight.length).toBeLessThanOrEqual(16)
    expect(this.inFlight.filter(({ isRetry }) => isRetry).length).toBeLessThanOrEqual(8)
    for (const { entries } of this.inFlight) {
      const bytes = entries.slice(0, -1).reduce((sum, { item }) => sum + item.encodedBytes, 0)
      expect(bytes).toBeLessThan(BATCH_BYTES)
      for (const { slot } of entries) {
        const numbers = entries.filter(entry => entry.slot === slot).map(({ item }) => item.number)
        expect(numbers).toEqual(numbers.map((_, i) => numbers[0] + i))
      }
    }
  }

  /** Acknowledges everything until nothing is held. */
  drain(): void {
    for (let turns = 0; this.slots.some(({ queue }) => queue.held > 0); turns++) {
      expect(turns, 'the number of turns').toBeLessThan(10_000)
      const batch = this.begin() ?? this.inFlight[0]
      if (batch) this.complete(batch, () => null)
      else
        this.now =
          this.dispatcher.dueAt(this.now) ?? expect.fail('items are held, but nothing is due')
      this.check()
    }
  }
}

const TARGETS = 5
const step = fc.oneof(
  {
    // Bursts, so that batches have several items of one target.
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
      complete: fc.nat(20),
      as: fc.constantFrom('all', 'all', 'none', 'refused', 'some'),
      bits: fc.nat(2 ** TARGETS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ pass: fc.constantFrom(1, 60, 150, 2000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      move: fc.nat(TARGETS - 1),
      to: fc.constantFrom(undefined, 0, 1, 2, -3, -4),
    }),
  },
  { weight: 1, arbitrary: fc.record({ retryNow: fc.nat(TARGETS - 1) }) },
)
const policies = fc.constantFrom('conflating' as const, 'ordered' as const)

function run(
  simulation: Simulation,
  action: typeof step extends fc.Arbitrary<infer S> ? S : never,
): void {
  if (action === 'begin') simulation.begin()
  else if ('offer' in action)
    for (let i = 0; i < action.times; i++) simulation.offer(action.offer, action.size)
  else if ('pass' in action) simulation.now += action.pass
  else if ('move' in action) simulation.lanes[action.move] = action.to
  else if ('retryNow' in action)
    simulation.dispatcher.retryNow(simulation.slots[action.retryNow], simulation.now)
  else {
    const batch = simulation.inFlight[action.complete % (simulation.inFlight.length || 1)]
    if (!batch) return
    const some = (item: Item) =>
      (action.bits >> ((item.target + item.number) % TARGETS)) & 1 ? lost : null
    const outcomes = { all: () => null, none: () => lost, refused: () => refused, some }
    simulation.complete(batch, outcomes[action.as as keyof typeof outcomes])
  }
}

describe('for any order of offers, attempts, failures, refusals and lane changes', () => {
  test('each item is acknowledged, superseded, returned or held, and a target’s order is kept', () => {
    fc.assert(
      fc.property(policies, fc.array(step, { maxLength: 300 }), (policy, steps) => {
        const simulation = new Simulation(policy, TARGETS, 3)
        for (const action of steps) {
          run(simulation, action)
          simulation.check()
        }
      }),
      { numRuns: 100 },
    )
  })

  test('all held items are acknowledged once sends succeed, and an ordered target misses none', () => {
    fc.assert(
      fc.property(policies, fc.array(step, { maxLength: 150 }), (policy, steps) => {
        const simulation = new Simulation(policy, TARGETS, 3)
        for (const action of steps) run(simulation, action)
        simulation.drain()
        for (const [target, count] of simulation.offered.entries()) {
          const acknowledged = simulation.acknowledged[target]
          if (policy === 'ordered') {
            const all = [...acknowledged, ...simulation.returned[target]].sort((a, b) => a - b)
            expect(all).toEqual(Array.from({ length: count }, (_, i) => i))
          } else if (count > 0) expect(acknowledged.at(-1)).toBe(count - 1)
        }
      }),
      { numRuns: 100 },
    )
  })
})

test('no entry of a target counts as acknowledged after a failed one of the same batch', () => {
  const simulation = new Simulation('ordered', 2, 1)
  for (let i = 0; i < 4; i++) for (const target of [0, 1]) simulation.offer(target)
  const batch = simulation.begin()!
  expect(batch.entries).toHaveLength(8)
  simulation.complete(batch, ({ target, number }) => (target === 0 && number === 1 ? lost : null))
  expect(simulation.acknowledged).toEqual([[0], [0, 1, 2, 3]])
  simulation.drain()
  expect(simulation.acknowledged).toEqual([
    [0, 1, 2, 3],
    [0, 1, 2, 3],
  ])
})

describe('a lane', () => {
  test('has one batch in flight, and items offered meanwhile share the next', () => {
    const simulation = new Simulation('conflating', 5, 1)
    simulation.offer(0)
    const first = simulation.begin()!
    for (const target of [0, 1, 2, 3, 4]) simulation.offer(target)
    expect(simulation.begin()).toBeNull()
    simulation.complete(first, () => null)
    expect(simulation.begin()!.entries.map(({ item }) => item.target)).toEqual([1, 2, 3, 4, 0])
  })

  test('that hangs does not delay another', () => {
    const simulation = new Simulation('conflating', 4, 2)
    simulation.offer(0)
    const hanging = simulation.begin()!
    for (let round = 0; round < 10; round++) {
      simulation.offer(1)
      simulation.complete(simulation.begin()!, () => null)
    }
    expect(simulation.inFlight).toEqual([hanging])
    expect(simulation.acknowledged[1]).toHaveLength(10)
  })

  test('that fails backs off for up to 1 s, and is retried with a single target', () => {
    const simulation = new Simulation('conflating', 3, 1)
    for (const target of [0, 1, 2]) simulation.offer(target)
    const backoffs: number[] = []
    for (let attempt = 0; attempt < 6; attempt++) {
      const batch = simulation.begin()!
      expect(batch.entries).toHaveLength(attempt === 0 ? 3 : 1)
      simulation.complete(batch, () => lost)
      expect(simulation.begin()).toBeNull()
      const due = simulation.dispatcher.dueAt(simulation.now)!
      backoffs.push(due - simulation.now)
      simulation.now = due
    }
    expect(backoffs).toEqual([75, 150, 300, 600, 750, 750])
    simulation.complete(simulation.begin()!, () => null)
    expect(simulation.begin()!.entries).toHaveLength(2)
  })

  test('in a backoff is tried at once after retryNow', () => {
    const simulation = new Simulation('conflating', 1, 1)
    simulation.offer(0)
    simulation.complete(simulation.begin()!, () => lost)
    expect(simulation.begin()).toBeNull()
    simulation.dispatcher.retryNow(simulation.slots[0], simulation.now)
    expect(simulation.begin()).not.toBeNull()
  })

  test('that is unknown is tried with a single target, and the others move to their lanes once known', () => {
    const simulation = new Simulation('conflating', 6, 2)
    const known = simulation.lanes
    simulation.lanes = known.map(() => undefined)
    for (let target = 0; target < 6; target++) simulation.offer(target)
    const first = simulation.begin()!
    expect(first.entries).toHaveLength(1)
    expect(simulation.begin()).toBeNull()
    simulation.lanes = known
    simulation.complete(first, () => null)
    const targets = [simulation.begin()!, simulation.begin()!].map(({ entries }) =>
      entries.map(({ item }) => item.target),
    )
    expect(targets.map(list => [...list].sort())).toEqual([
      [1, 3, 5],
      [2, 4],
    ])
  })

  test('that fails in part delays only the targets that failed', () => {
    const simulation = new Simulation('conflating', 3, 1)
    for (const target of [0, 1, 2]) simulation.offer(target)
    simulation.complete(simulation.begin()!, ({ target }) => (target === 1 ? lost : null))
    for (const target of [0, 1, 2]) simulation.offer(target)
    expect(simulation.begin()!.entries.map(({ item }) => item.target)).toEqual([0, 2])
  })

  test('does not back off for a failed target that has moved to another lane, which does', () => {
    const simulation = new Simulation('conflating', 3, 1)
    for (const target of [0, 1, 2]) simulation.offer(target)
    const batch = simulation.begin()!
    simulation.lanes = [0, -2, 0]
    simulation.complete(batch, () => lost)
    expect(simulation.dispatcher.dueAt(0)).toBe(75)
    simulation.now = 74
    expect(simulation.begin()).toBeNull()
    simulation.now = 75
    const lanes = [simulation.begin()!, simulation.begin()!].map(({ lane }) => lane)
    expect(lanes.sort()).toEqual([-2, 0])
  })

  test('serves each target once before it serves one again', () => {
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

  test('has batches of about 256 KiB with at least one entry', () => {
    const simulation = new Simulation('conflating', 10, 1)
    for (let target = 0; target < 10; target++)
      simulation.offer(target, target === 0 ? 5_000_000 : 100_000)
    const sizes: number[] = []
    for (let batch = simulation.begin(); batch; batch = simulation.begin()) {
      sizes.push(batch.entries.length)
      simulation.complete(batch, () => null)
    }
    expect(sizes).toEqual([1, 3, 3, 3])
  })
})

describe('lanes that fail', () => {
  test('have at most half of the batches in flight, so that others are not blocked', () => {
    const simulation = new Simulation('conflating', 40, 40)
    for (let target = 0; target < 30; target++) simulation.offer(target)
    for (let batch = simulation.begin(); batch; batch = simulation.begin())
      simulation.complete(batch, () => lost)
    simulation.now += 1000
    while (simulation.begin());
    expect(simulation.inFlight).toHaveLength(8)
    for (let target = 30; target < 40; target++) simulation.offer(target)
    while (simulation.begin());
    expect(simulation.inFlight).toHaveLength(16)
    simulation.check()
  })
})

describe('a record that the brokers refuse', () => {
  test('is found by sending the targets of its batch one by one, and delays its own target only', () => {
    const simulation = new Simulation('conflating', 20, 1)
    for (let target = 0; target < 20; target++) {
      const item = simulation.offer(target)
      if (target === 7) simulation.refusable.add(item)
    }
    for (let batch = simulation.begin(); batch; batch = simulation.begin())
      simulation.complete(batch, () => null)
    expect(simulation.acknowledged.map(list => list.length)).toEqual(
      simulation.slots.map((_, i) => (i === 7 ? 0 : 1)),
    )
    // The next item of the target is accepted. The target is isolated until then.
    simulation.offer(7)
    expect(simulation.begin()).toBeNull()
    simulation.now = simulation.dispatcher.dueAt(simulation.now)!
    simulation.offer(3)
    const targets = () => {
      const batch = simulation.begin()!
      simulation.complete(batch, () => null)
      return batch.entries.map(({ item }) => item.target)
    }
    expect([targets(), targets()]).toEqual([[3], [7]])
    expect(simulation.acknowledged[7]).toEqual([1])
    for (const target of [6, 7, 8]) simulation.offer(target)
    expect(simulation.begin()!.entries).toHaveLength(3)
  })

  test('of an ordered target is returned, and the items behind it are sent', () => {
    const simulation = new Simulation('ordered', 1, 1)
    for (let i = 0; i < 5; i++) {
      const item = simulation.offer(0)
      if (i === 2) simulation.refusable.add(item)
    }
    simulation.drain()
    expect(simulation.acknowledged[0]).toEqual([0, 1, 3, 4])
    expect(simulation.returned[0]).toEqual([2])
  })
})
