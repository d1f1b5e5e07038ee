import type { Cluster, Worker } from 'node:cluster'
import { runInSlices } from '../../shared/base/steps.js'
import type { Collected, Source } from '../source.js'
import type { SourceError } from '../source-error.js'
import { aggregate } from './aggregate.js'
import {
  COLLECT,
  COLLECTED,
  type CollectedMessage,
  type CollectMessage,
  READY,
} from './messages.js'
import { WorkerMetrics } from './worker-metrics.js'

/** The part of `node:cluster` that is used here. */
export type WorkersOfCluster = Pick<Cluster, 'workers' | 'on' | 'off'>

/** A collection in progress. */
interface Request {
  readonly message: CollectMessage
  /** Workers that have not answered yet. */
  readonly left: Set<number>
  readonly errors: SourceError[]
  end(): void
}

/**
 * The metrics of all workers of a cluster, combined as prom-client's `clusterMetrics` combines
 * them. That fails as a whole if one worker does. Here a worker that does not answer, or whose
 * answer cannot be read, keeps its last metrics until it exits. It is not asked again until it has
 * answered.
 */
export class ClusterSource implements Source {
  readonly name = 'cluster'
  readonly #workers = new Map<number, WorkerMetrics>()
  #request: Request | null = null
  #requests = 0
  #isListening = false

  constructor(private readonly cluster: WorkersOfCluster) {}

  async collect(timeoutMs: number): Promise<Collected> {
    const connected = this.#connected()
    const errors = [...this.#workers.values()]
      .filter(({ pending }) => pending !== null)
      .map(worker => worker.error('timeout', 'it has not answered yet'))
    errors.push(...(await this.#ask(connected, timeoutMs)))
    const workers = [...this.#workers.values()].sort((a, b) => a.worker - b.worker)
    const metrics = await runInSlices(aggregate(workers.map(worker => worker.metrics)))
    return { readings: [{ metrics }], errors }
  }

  /** Forgets workers that are gone. */
  #connected(): Worker[] {
    const workers = Object.values(this.cluster.workers ?? {}) as Worker[]
    const connected = workers.filter(worker => worker.isConnected())
    const ids = new Set(connected.map(({ id }) => id))
    for (const id of this.#workers.keys()) if (!ids.has(id)) this.#workers.delete(id)
    for (const id of ids)
      if (!this.#workers.has(id)) this.#workers.set(id, new WorkerMetrics(this.name, id))
    return connected
  }

  /** Asks the workers that have answered before, all at the same time. */
  async #ask(connected: readonly Worker[], timeoutMs: number): Promise<readonly SourceError[]> {
    const asked = connected.filter(({ id }) => this.#workers.get(id)!.pending === null)
    if (asked.length === 0) return []
    const message: CollectMessage = { type: COLLECT, id: ++this.#requests, timeoutMs }
    const left = new Set(asked.map(({ id }) => id))
    const errors: SourceError[] = []
    this.#listen()
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, timeoutMs)
      // Do not keep the process alive for this timer.
      timer.unref()
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#request = { message, left, errors, end }
      for (const worker of asked) {
        this.#workers.get(worker.id)!.pending = message.id
        send(worker, message)
      }
    })
    this.#request = null
    for (const id of left) {
      const late = this.#workers.get(id)?.error('timeout', `no answer within ${timeoutMs} ms`)
      if (late) errors.push(late)
    }
    this.#unlistenIfIdle()
    return errors
  }

  readonly #onMessage = (from: Worker, message: Partial<CollectedMessage> | null) => {
    const worker = this.#workers.get(from.id)
    if (worker && message?.type === COLLECTED && worker.pending === message.id)
      this.#answered(worker, message)
    else if (worker && (message?.type as unknown) === READY) this.#ready(worker, from)
  }

  #answered(worker: WorkerMetrics, message: Partial<CollectedMessage>): void {
    worker.pending = null
    // A late answer is read as well: it is newer than the last one.
    const errors = worker.read(message)
    const request = this.#request
    if (request && request.message.id === message.id) {
      request.errors.push(...errors)
      this.#settle(worker.worker)
    } else this.#unlistenIfIdle()
  }

  /** The worker has just started, and has lost what it was sent before. */
  #ready(worker: WorkerMetrics, to: Worker): void {
    worker.pending = null
    const request = this.#request
    if (request?.left.has(worker.worker)) {
      worker.pending = request.message.id
      send(to, request.message)
    } else this.#unlistenIfIdle()
  }

  readonly #onGone = ({ id }: Worker) => {
    this.#workers.delete(id)
    this.#settle(id)
  }

  #settle(id: number): void {
    const request = this.#request
    if (request?.left.delete(id) && request.left.size === 0) request.end()
  }

  #listen(): void {
    if (this.#isListening) return
    this.#isListening = true
    this.cluster.on('message', this.#onMessage)
    this.cluster.on('disconnect', this.#onGone)
  }

  /** Listens as long as an answer is missing. */
  #unlistenIfIdle(): void {
    if (this.#request || [...this.#workers.values()].some(({ pending }) => pending !== null)) return
    this.#isListening = false
    this.cluster.off('message', this.#onMessage)
    this.cluster.off('disconnect', this.#onGone)
  }
}

/** A worker that exits just now fails the callback, and is told as disconnected. */
function send(worker: Worker, message: CollectMessage): void {
  worker.send(message, undefined, () => {})
}
