import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { FAILURES, type WriteFigures } from '../../shared/remote-write/figures.js'

/** A receiver whose figures are exposed. */
export interface WatchedRemote {
  readonly name: string
  readonly figures: WriteFigures
  readonly lagSeconds: number
  /** Memory of what is held for it. */
  readonly memoryBytes: number
  /** Number by topic. */
  readonly partitions: Readonly<Record<string, number>>
}

const PREFIX = 'exposer_remote_write'

/** Metrics of remote write, by receiver. */
export class RemoteWriteMetrics {
  readonly #durations: Histogram

  constructor(registry: Registry, remotes: () => readonly WatchedRemote[]) {
    this.#durations = new Histogram({
      name: `${PREFIX}_request_duration_seconds`,
      help: 'Duration of remote write requests, by receiver.',
      labelNames: ['remote'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers: [registry],
    })
    const counters: readonly [string, string, (figures: WriteFigures) => number][] = [
      ['samples', 'samples that the receiver has stored', f => f.samples],
      ['histograms', 'native histograms that the receiver has stored', f => f.histograms],
      ['exemplars', 'exemplars that the receiver has stored', f => f.exemplars],
      ['metadata', 'metric families whose metadata was sent apart from samples', f => f.metadata],
      ['bytes', 'compressed bytes of requests that the receiver has stored', f => f.bytes],
      [
        'relabel_dropped',
        'samples and native histograms that write_relabel_configs have dropped',
        f => f.relabelledAway,
      ],
      ['retried', 'samples and native histograms that were sent again', f => f.retried],
    ]
    for (const [name, what, value] of counters) {
      new Counter({
        name: `${PREFIX}_${name}_total`,
        help: `Total number of ${what}.`,
        labelNames: ['remote'],
        registers: [registry],
        collect() {
          this.reset()
          for (const { name, figures } of remotes()) this.inc({ remote: name }, value(figures))
        },
      })
    }
    new Counter({
      name: `${PREFIX}_failed_total`,
      help: 'Total number of samples and native histograms that are lost: refused by the receiver (refused), too large for it as a single series (too_large), of an isolated target that was given up (isolated), older than sample_age_limit (too_old); records deleted before they were sent (retention), or over a limit or the memory (limit). Samples that the receiver had answered for before, and refuses because it has newer ones (repeated), are not lost.',
      labelNames: ['remote', 'reason'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { name, figures } of remotes())
          for (const reason of FAILURES)
            this.inc({ remote: name, reason }, figures.failed.get(reason) ?? 0)
      },
    })
    const gauges: readonly [string, string, (remote: WatchedRemote) => number][] = [
      ['pending_samples', 'Number of samples that wait or are in flight.', r => r.figures.pending],
      [
        'isolated_targets',
        'Number of targets whose samples are sent apart, because the receiver does not store them.',
        r => r.figures.isolatedTargets,
      ],
      [
        'isolated_samples',
        'Number of samples of isolated targets that wait or are in flight.',
        r => r.figures.isolatedSamples,
      ],
      ['shards', 'Number of queue shards.', r => r.figures.shards],
      [
        'shards_desired',
        'Number of queue shards for the current rates.',
        r => r.figures.shardsDesired,
      ],
      [
        'highest_sent_timestamp_seconds',
        'Newest time of a sample that the receiver has stored.',
        r => r.figures.highestSent / 1000,
      ],
      [
        'memory_bytes',
        'Memory held for the receiver: states and layouts of targets, labels, and what waits; counted, without garbage.',
        r => r.memoryBytes,
      ],
      [
        'lag_seconds',
        'Time by which sending to the receiver is behind the end of the log, at most of the partitions.',
        r => r.lagSeconds,
      ],
    ]
    for (const [name, help, value] of gauges) {
      new Gauge({
        name: `${PREFIX}_${name}`,
        help,
        labelNames: ['remote'],
        registers: [registry],
        collect() {
          this.reset()
          for (const remote of remotes()) this.set({ remote: remote.name }, value(remote))
        },
      })
    }
    new Gauge({
      name: `${PREFIX}_partitions`,
      help: 'Number of partitions that this shard sends to the receiver, by topic.',
      labelNames: ['remote', 'topic'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { name, partitions } of remotes())
          for (const [topic, count] of Object.entries(partitions))
            this.set({ remote: name, topic }, count)
      },
    })
  }

  observe(remote: string, seconds: number): void {
    this.#durations.observe({ remote }, seconds)
  }
}
