import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'

/**
 * A string instead of a file, so that it runs the same from TypeScript and from the build. The
 * asynchronous comparison of bcryptjs is not used: it yields the event loop only every 100 ms.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads')
const { compareSync } = require(workerData)
parentPort.on('message', ({ id, password, hash }) => {
  let same = false
  const begun = performance.now()
  try {
    same = compareSync(password, hash)
  } catch {}
  parentPort.postMessage({ id, same, ms: performance.now() - begun })
})`

/** Until one has been measured, a comparison of cost 10 is expected to take 100 ms. */
const EXPECTED_MS_PER_ROUND = 0.1
/** Weight of the newest measurement. */
const WEIGHT = 0.2

/** Time after which an idle thread is terminated, to free a few MiB. Comparisons are rare. */
const IDLE_MS = 10_000

interface Pending {
  readonly rounds: number
  readonly resolve: (same: boolean) => void
  readonly reject: (error: Error) => void
}

/** The time of a comparison is proportional to it; 1 for an invalid hash. */
const roundsOf = (hash: string) => 2 ** (Number(hash.split('$')[2]) || 0)

/**
 * Compares passwords with bcrypt hashes, one after the other, on another thread: a comparison takes
 * 50 to 100 ms of CPU. The thread is started on demand and terminated when idle.
 */
export class BcryptWorker {
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #last = 0
  #closed = false
  readonly #pending = new Map<number, Pending>()
  /** Rounds of all pending comparisons. */
  #rounds = 0
  #msPerRound = EXPECTED_MS_PER_ROUND

  /** Number of comparisons that have not completed. */
  get pending(): number {
    return this.#pending.size
  }

  /** Expected time until all pending comparisons have completed, ms, by those before. */
  get backlogMs(): number {
    return this.#rounds * this.#msPerRound
  }

  /** Rejects if the thread fails or this is closed. */
  compare(password: string, hash: string): Promise<boolean> {
    if (this.#closed) return Promise.reject(new Error('this server is stopping'))
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    // The thread keeps the process alive only during comparisons.
    this.#worker.ref()
    const id = ++this.#last
    const rounds = roundsOf(hash)
    const answer = new Promise<boolean>((resolve, reject) =>
      this.#pending.set(id, { rounds, resolve, reject }),
    )
    this.#rounds += rounds
    this.#worker.postMessage({ id, password, hash })
    return answer
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#end(new Error('this server is stopping'))
  }

  #start(): Worker {
    const worker = new Worker(PROGRAM, {
      eval: true,
      workerData: createRequire(import.meta.url).resolve('bcryptjs'),
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    })
    worker.on('message', ({ id, same, ms }: { id: number; same: boolean; ms: number }) => {
      const compared = this.#pending.get(id)
      if (compared) {
        this.#pending.delete(id)
        this.#rounds -= compared.rounds
        this.#msPerRound += WEIGHT * (ms / compared.rounds - this.#msPerRound)
        compared.resolve(same)
      }
      if (this.#pending.size) return
      worker.unref()
      this.#idle = setTimeout(
        () => void this.#end(new Error('the thread was idle')),
        IDLE_MS,
      ).unref()
    })
    const fail = (error: Error) => {
      if (this.#worker === worker) void this.#end(error)
    }
    worker.on('error', fail)
    worker.on('exit', () => fail(new Error('the thread that compares passwords ended')))
    return worker
  }

  async #end(reason: Error): Promise<void> {
    clearTimeout(this.#idle)
    const worker = this.#worker
    this.#worker = undefined
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    this.#rounds = 0
    for (const { reject } of pending) reject(reason)
    await worker?.terminate()
  }
}
