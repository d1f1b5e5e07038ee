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
  try {
    same = compareSync(password, hash)
  } catch {}
  parentPort.postMessage({ id, same })
})`

/** Time after which an idle thread is terminated, to free a few MiB. Comparisons are rare. */
const IDLE_MS = 10_000

/**
 * Compares passwords with bcrypt hashes, one after the other, on another thread: a comparison takes
 * 50 to 100 ms of CPU. The thread is started on demand and terminated when idle.
 */
export class BcryptWorker {
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #last = 0
  #closed = false
  readonly #pending = new Map<
    number,
    { resolve: (same: boolean) => void; reject: (error: Error) => void }
  >()

  /** Number of comparisons that have not completed. */
  get pending(): number {
    return this.#pending.size
  }

  /** Rejects if the thread fails or this is closed. */
  compare(password: string, hash: string): Promise<boolean> {
    if (this.#closed) return Promise.reject(new Error('this server is stopping'))
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    // The thread keeps the process alive only during comparisons.
    this.#worker.ref()
    const id = ++this.#last
    const answer = new Promise<boolean>((resolve, reject) =>
      this.#pending.set(id, { resolve, reject }),
    )
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
      this.#pending.get(id)?.resolve(same)
      this.#pending.delete(id)
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
    for (const { reject } of pending) reject(reason)
    await worker?.terminate()
  }
}
