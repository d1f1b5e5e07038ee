import type { Outcome } from '../../gateway/state/types.js'
import type { StoreFigures } from '../../gateway/store/kafka/figures.js'
import type { Push } from '../gateway/state/text.js'
import { eventually } from './eventually.js'
import type { Program, Programs } from './program.js'
import type { Answer, Question, StoreProcessOptions } from './programs/push-store.js'

/** Fields of a question without its number. */
type Asked =
  | Pick<Extract<Question, { what: 'push' }>, 'what' | 'push'>
  | Pick<Extract<Question, { what: 'text' | 'state' | 'stop' }>, 'what'>

/** A Kafka store in its own process. */
export class StoreProcess {
  #number = 0
  readonly #pending = new Map<number, (answer: Answer) => void>()

  private constructor(readonly program: Program) {
    program.child.on('message', (answer: Answer) => {
      this.#pending.get(answer.number)?.(answer)
      this.#pending.delete(answer.number)
    })
    void program.gone.then(() => {
      for (const [number, settle] of this.#pending)
        settle({ number, error: { message: 'the process is gone', maybeApplied: true } })
      this.#pending.clear()
    })
  }

  static async start(programs: Programs, options: StoreProcessOptions): Promise<StoreProcess> {
    return new StoreProcess(await programs.start('push-store.ts', [JSON.stringify(options)]))
  }

  push(push: Omit<Push, 'id'>): Promise<Outcome> {
    return this.#ask({ what: 'push', push })
  }

  text(): Promise<string> {
    return this.#ask({ what: 'text' })
  }

  state(): Promise<StoreFigures & { readonly trouble?: string }> {
    return this.#ask({ what: 'state' })
  }

  async ready(): Promise<this> {
    await eventually(async () => {
      const { trouble } = await this.state()
      if (trouble !== undefined) throw new Error(trouble)
    })
    return this
  }

  async stop(): Promise<void> {
    await this.#ask({ what: 'stop' })
    await this.program.kill()
  }

  signal(signal: NodeJS.Signals): void {
    this.program.child.kill(signal)
  }

  #ask<T>(asked: Asked): Promise<T> {
    const number = ++this.#number
    return new Promise((resolve, reject) => {
      this.#pending.set(number, ({ result, error }) => {
        if (error) reject(Object.assign(new Error(error.message), error))
        else resolve(result as T)
      })
      this.program.child.send({ number, ...asked })
    })
  }
}
