import { Worker } from 'node:worker_threads'
import type { Job } from '../steps.js'
import { type DocumentOptions, readDocument, YamlError } from './document.mjs'

/** A string, so that the thread is not started for the import of this module. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads')
const loaded = import(workerData)
parentPort.on('message', async ({ bytes, options }) => {
  const { readDocument } = await loaded
  try {
    const value = readDocument(Buffer.from(bytes).toString(), options)
    const json = new TextEncoder().encode(JSON.stringify(value))
    parentPort.postMessage({ json }, [json.buffer])
  } catch (error) {
    parentPort.postMessage({ problems: error.problems ?? [error.message] })
  }
})`

/** Time after which an idle thread is terminated, to free some MiB. Changes are rare. */
const IDLE_MS = 2000
const MAX_HEAP_MB = 512

interface Answer {
  readonly json?: Uint8Array
  readonly problems?: readonly string[]
}

/**
 * Parses YAML on another thread, one document after the other: it takes a microsecond for each byte,
 * and cannot be done in steps. The thread is started on demand and terminated when idle.
 */
export class YamlThread {
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /**
   * The job of parsing a document as `readDocument` does. Its result is JSON.
   *
   * @throws YamlError with all problems, from the job
   */
  job(yaml: Buffer, options: DocumentOptions): Job {
    return {
      run: () => Buffer.from(JSON.stringify(readDocument(yaml.toString(), options))),
      start: () => this.#parse(yaml, options),
    }
  }

  #parse(yaml: Buffer, options: DocumentOptions): Promise<Buffer> {
    this.#waiting++
    clearTimeout(this.#idle)
    const answer = this.#queue.then(() => this.#ask(yaml, options))
    this.#queue = answer
      .catch(() => {})
      .finally(() => {
        if (--this.#waiting === 0) this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref()
      })
    return answer
  }

  async #ask(bytes: Buffer, options: DocumentOptions): Promise<Buffer> {
    this.#worker ??= new Worker(PROGRAM, {
      eval: true,
      workerData: new URL('./document.mjs', import.meta.url).href,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    })
    const worker = this.#worker
    worker.unref()
    const { json, problems = [] } = await new Promise<Answer>(resolve => {
      const fail = (error?: NodeJS.ErrnoException) => {
        this.#worker = undefined
        const isMemory = error?.code === 'ERR_WORKER_OUT_OF_MEMORY'
        const problem = isMemory
          ? 'parsing this YAML takes too much memory: write the file as JSON'
          : (error?.message ?? 'the thread that parses YAML ended')
        resolve({ problems: [problem] })
      }
      worker.removeAllListeners().once('message', resolve).once('error', fail)
      worker.once('exit', () => fail())
      worker.postMessage({ bytes, options })
    })
    if (!json) throw new YamlError(problems)
    return Buffer.from(json.buffer, json.byteOffset, json.byteLength)
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    worker?.removeAllListeners()
    await worker?.terminate()
  }
}
