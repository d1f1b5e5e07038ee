import type { Sink, SinkCounts, SinkTarget, TargetSink } from './sink.js'

/** Several receivers: each gets all collections. */
export class FanOutSink implements Sink {
  readonly failed: Promise<never>

  /** @param sinks at least one */
  constructor(private readonly sinks: readonly Sink[]) {
    this.failed = Promise.race(sinks.map(({ failed }) => failed))
  }

  get bytes(): number {
    return this.sinks.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get failures(): number {
    return this.sinks.reduce((sum, { failures }) => sum + failures, 0)
  }

  async start(): Promise<void> {
    await Promise.all(this.sinks.map(sink => sink.start()))
  }

  open(target: SinkTarget): TargetSink {
    const all = this.sinks.map(sink => sink.open(target))
    return {
      get counts() {
        return sumOf(all.map(({ counts }) => counts))
      },
      offer: collected => {
        for (const one of all) one.offer(collected)
      },
      drain: async () => {
        await Promise.all(all.map(one => one.drain()))
      },
      close: () => {
        for (const one of all) one.close()
      },
    }
  }

  trouble(): string | undefined {
    return this.sinks.map(sink => sink.trouble()).find(trouble => trouble !== undefined)
  }

  async stop(): Promise<void> {
    await Promise.all(this.sinks.map(sink => sink.stop()))
  }
}

const sumOf = (all: readonly SinkCounts[]): SinkCounts => {
  const sum = { offered: 0, superseded: 0, refused: 0, held: 0 }
  for (const { offered, superseded, refused, held } of all) {
    sum.offered += offered
    sum.superseded += superseded
    sum.refused += refused
    sum.held += held
  }
  return sum
}
