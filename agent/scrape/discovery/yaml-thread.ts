import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'

/**
 * A string instead of a file, so that it runs the same from TypeScript and from the build. All
 * scalars are texts, as in a group of targets; keys without a value are as if missing.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads')
const { parseDocument, visit } = require(workerData)
const NULLS = new Set(['', '~', 'null', 'Null', 'NULL'])
const read = bytes => {
  const document = parseDocument(Buffer.from(bytes).toString(), { schema: 'failsafe', merge: true })
  const [error] = document.errors
  if (error) throw new Error(error.message.split('\\n', 1)[0].replace(/:$/, ''))
  visit(document, {
    Scalar(_, node) {
      if (node.type === 'PLAIN' && !node.tag && NULLS.has(node.source ?? '')) node.value = null
    },
  })
  const value = document.toJS({ maxAliasCount: 1000 }) ?? []
  const text = JSON.stringify(value, (_, inner) =>
    inner && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).filter(([, member]) => member !== null))
      : inner)
  return new TextEncoder().encode(text)
}
parentPort.on('message', bytes => {
  try {
    const json = read(bytes)
    parentPort.postMessage({ json }, [json.buffer])
  } catch (error) {
    parentPort.postMessage({ problem: error.message })
  }
})`

/** Time after which an idle thread is terminated, to free some MiB. Changes are rare. */
const IDLE_MS = 2000
const MAX_HEAP_MB = 512

interface Answer {
  readonly json?: Uint8Array
  readonly problem?: string
}

/**
 * Parses YAML on another thread, one document after the other: it takes microseconds for each byte,
 * and cannot be done in steps. The thread is started on demand and terminated when idle.
 */
export class YamlThread {
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /**
   * The document as JSON, whose scalars are texts.
   *
   * @throws Error with the reason in one line
   */
  toJson(yaml: Buffer): Promise<Buffer> {
    this.#waiting++
    clearTimeout(this.#idle)
    const answer = this.#queue.then(() => this.#ask(yaml))
    this.#queue = answer
      .catch(() => {})
      .finally(() => {
        if (--this.#waiting === 0) this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref()
      })
    return answer
  }

  async #ask(yaml: Buffer): Promise<Buffer> {
    this.#worker ??= new Worker(PROGRAM, {
      eval: true,
      workerData: createRequire(import.meta.url).resolve('yaml'),
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    })
    const worker = this.#worker
    worker.unref()
    const { json, problem } = await new Promise<Answer>(resolve => {
      const fail = (error?: NodeJS.ErrnoException) => {
        this.#worker = undefined
        const isMemory = error?.code === 'ERR_WORKER_OUT_OF_MEMORY'
        resolve({
          problem: isMemory
            ? 'parsing this YAML takes too much memory: write the file as JSON'
            : (error?.message ?? 'the thread that parses YAML ended'),
        })
      }
      worker.removeAllListeners().once('message', resolve).once('error', fail)
      worker.once('exit', () => fail())
      worker.postMessage(yaml)
    })
    if (!json) throw new Error(problem)
    return Buffer.from(json.buffer, json.byteOffset, json.byteLength)
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    worker?.removeAllListeners()
    await worker?.terminate()
  }
}
