import { afterAll, afterEach, expect, inject, test } from 'vitest'
import { tailTopic } from '../../shared/kafka/tail.js'
import { SnapshotReader } from '../../shared/snapshot/read.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { type Program, Programs } from '../support/program.js'
import type { MirroringGatewayOptions } from '../support/programs/mirroring-gateway.js'
import { startShard } from '../support/shards.js'
import { WrittenScrapes } from '../support/written-scrapes.js'

const TARGETS = 12
const PARTITIONS = 4
const INTERVAL_MS = 1000
const programs = new Programs()
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
afterAll(() => programs.remove())

/** What was published: by target and number, the kind and the values as text, each once. */
class Published {
  readonly byTarget = new Map<string, Map<number, Set<string>>>()
  records = 0
  readonly #reader = new SnapshotReader()

  add(value: Buffer): void {
    const reader = this.#reader
    reader.open(value)
    this.records++
    const target = reader.target().find(({ name }) => name === 'instance')!.value
    const numbers = this.byTarget.get(target) ?? new Map<number, Set<string>>()
    this.byTarget.set(target, numbers)
    const texts = numbers.get(reader.sequence) ?? new Set()
    numbers.set(reader.sequence, texts)
    texts.add(textOf(reader))
  }
}

function textOf(reader: SnapshotReader): string {
  if (reader.failure !== null) return 'failure'
  if (reader.end) return 'end'
  return `snapshot ${[...reader.body(2).values].join(' ')}`
}

test('a gateway is killed while others take over: each scrape is published, with its values only', async () => {
  const topics = { writes: await newTopic(PARTITIONS), snapshots: await newTopic(PARTITIONS) }
  const options: MirroringGatewayOptions = {
    ...{ brokers: inject('brokers'), ...topics, group: name('mirrors') },
  }
  const start = async (): Promise<Program> => {
    const gateway = await programs.start('mirroring-gateway.ts', [JSON.stringify(options)])
    stops.push(() => gateway.kill())
    return gateway
  }
  const sender = newSender(topics.writes)
  stops.push(() => sender.disconnect())
  const targets = Array.from(
    { length: TARGETS },
    (_, i) => new WrittenScrapes(sender, { instance: String(i), job: 'a' }),
  )
  const published = new Published()
  const tail = await tailTopic(
    { brokers: inject('brokers') },
    topics.snapshots,
    { from: 'earliest' },
    (_, { value }) => published.add(Buffer.from(value!)),
  )
  stops.push(() => tail.stop())
  const shard = await startShard(
    { topic: topics.snapshots, group: name('exposers') },
    { playoutDelay: 0 },
  )
  stops.push(() => shard.stop())

  const truth = new Map<number, Map<number, string>>()
  let n = 0
  let isWriting = true
  const writing = (async () => {
    while (isWriting) {
      n++
      const time = Date.now()
      await Promise.all(
        targets.map(async (target, i) => {
          // Each target fails now and then.
          const fails = (n + i) % 7 === 0
          const values = { x: n, y: -n }
          const stale = { x: 'stale', y: 'stale' } as const
          await target.scrape(time + i, fails ? stale : values, fails ? 0 : 1)
          const known = truth.get(i) ?? new Map<number, string>()
          known.set(time + i, fails ? 'failure' : `snapshot ${n} ${-n}`)
          truth.set(i, known)
        }),
      )
      await new Promise(resolve => setTimeout(resolve, INTERVAL_MS))
    }
  })()
  stops.push(async () => {
    isWriting = false
    await writing
  })

  const owned = (program: Program) => Number(program.messages.at(-1) ?? 0)
  const first = await start()
  await eventually(() => expect(owned(first)).toBe(PARTITIONS))
  const second = await start()
  await eventually(() => expect([owned(first), owned(second)]).toEqual([2, 2]))
  const after = async (more: number) => {
    const from = n
    await eventually(() => expect(n).toBeGreaterThan(from + more), 60_000)
  }
  await after(3)
  await first.kill()
  await eventually(() => expect(owned(second)).toBe(PARTITIONS))
  const third = await start()
  await eventually(() => expect(owned(third)).toBe(2))
  await second.kill()
  await eventually(() => expect(owned(third)).toBe(PARTITIONS))
  await after(3)
  isWriting = false
  await writing

  await eventually(() => {
    for (const [i, scrapes] of truth) {
      const numbers = published.byTarget.get(String(i)) ?? new Map<number, Set<string>>()
      expect([...numbers.keys()].sort()).toEqual([...scrapes.keys()].sort())
      for (const [time, text] of scrapes) expect([...numbers.get(time)!]).toEqual([text])
    }
  })
  expect(n).toBeGreaterThan(10)

  // Repeats are no refusals, and the targets are up.
  const telemetry = await (await fetch(`${shard.url}/telemetry`)).text()
  expect(telemetry).not.toMatch(/^exposer_records_rejected_total\{/m)
})
