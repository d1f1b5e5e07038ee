import { expect } from 'vitest'
import { eventually } from './eventually.js'
import { type Program, Programs } from './program.js'
import { SteadyWriter } from './steady-writer.js'
import { newWriteTopic, readWriteTopic } from './write-topic.js'

/** Number of requests that the sender has in progress. */
export const RECEIVER_SHARDS = 6

export interface RunningGateway {
  readonly url: string
  readonly program: Program
}

/** Gateways in their own processes, and a sender that uses them in turn. */
export class ReceiverFaults {
  readonly stops: (() => Promise<unknown>)[] = []
  readonly #programs = new Programs()

  constructor(readonly brokers: readonly string[]) {}

  async startGateway(topic: string): Promise<RunningGateway> {
    const options = JSON.stringify({ brokers: this.brokers, topic })
    const program = await this.#programs.start('write-gateway.ts', [options])
    this.stops.push(() => program.kill())
    const url = await eventually(() => {
      const [message] = program.messages
      if (typeof message !== 'string') throw new Error('the gateway has not started')
      return message
    })
    return { url, program }
  }

  async twoGateways() {
    const topic = await newWriteTopic(4, this.brokers)
    const gateways = await Promise.all([this.startGateway(topic), this.startGateway(topic)])
    const urls = gateways.map(({ url }) => url)
    const writer = new SteadyWriter(urls, RECEIVER_SHARDS)
    this.stops.push(() => writer.stop())
    return { topic, gateways, urls, writer }
  }

  /** Stops what a test has started. */
  async stop(): Promise<void> {
    for (const stop of this.stops.splice(0).reverse()) await stop()
  }

  /** Removes the compiled program. */
  remove(): void {
    this.#programs.remove()
  }
}

/** Waits until so many more samples are acknowledged. */
export async function untilAcknowledged(writer: SteadyWriter, more: number): Promise<void> {
  const wanted = writer.acknowledged.length + more
  await eventually(() => expect(writer.acknowledged.length).toBeGreaterThan(wanted), 60_000)
}

/** All acknowledged samples are in the topic, and those of a series in order. */
export async function expectAll(
  topic: string,
  writer: SteadyWriter,
  faults: ReceiverFaults,
): Promise<void> {
  const reader = await readWriteTopic(topic, faults.brokers)
  faults.stops.push(() => reader.stop())
  const found = () => {
    const samples = new Set<string>()
    for (const [name, times] of reader.written.series) {
      const labels = new Map(name.split(',').map(pair => pair.split('=') as [string, string]))
      for (const time of times.keys())
        samples.add(`${labels.get('job')} ${labels.get('__name__')} ${time}`)
    }
    return samples
  }
  await eventually(() => {
    const samples = found()
    expect(writer.acknowledged.filter(sample => !samples.has(sample))).toEqual([])
  })
  expect(writer.dropped).toEqual([])
  expect(reader.written.conflicts).toEqual([])
  for (const [name, times] of reader.written.series) {
    const order = [...times.keys()]
    expect(order, name).toEqual([...order].sort((a, b) => a - b))
  }
}
