import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'

/**
 * Text and not a file, so that it runs the same from TypeScript and from what is built of it. bcryptjs has an asynchronous
 * comparison, but that gives way to others only every 100 ms.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads')
const { compareSync } = require(workerData)
parentPort.on('message', ({ id, password, hash }) => {
  let same = false
  try {
    same = compareSync(password, hash)
  } catch {}
  parentPort.postMessage({ id, same })
})`

/** A thread costs some MiB, and passwords are compared rarely. */
const IDLE_MS = 10_000

/**
 * Compares passwords with bcrypt hashes, one after the other, on a thread of its own that is there only while it is needed: a
 * comparison is 50 to 100 ms of CPU, on purpose.
 */
export class BcryptWorker {
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #last = 0
  #closed = false
  readonly #asked = new Map<number, { resolve: (same: boolean) => void; reject: (error: Error) => void }>()

  /** Comparisons that are under way or wait for their turn. */
  get pending(): number {
    return this.#asked.size
  }

  /** Rejects when the thread fails. */
  compare(password: string, hash: string): Promise<boolean> {
    if (this.#closed) return Promise.reject(new Error('this server is stopping'))
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    // A process may end while nobody waits for an answer.
    this.#worker.ref()
    const id = ++this.#last
    const answer = new Promise<boolean>((resolve, reject) => this.#asked.set(id, { resolve, reject }))
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
    worker.on('message', ({ id, same }: { id: number; same: boolean }) => {
      this.#asked.get(id)?.resolve(same)
      this.#asked.delete(id)
      if (this.#asked.size) return
      worker.unref()
      this.#idle = setTimeout(() => void this.#end(new Error('nobody waits any more')), IDLE_MS).unref()
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
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    for (const { reject } of asked) reject(reason)
    await worker?.terminate()
  }
}
