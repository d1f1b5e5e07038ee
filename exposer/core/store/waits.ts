import type { Job, Steps } from '../../../shared/base/steps.js'

/** Waits of steps for other steps to end. */
export class Waits {
  readonly #waits = new Set<Wait>()

  /** Ends all waits. */
  end(): void {
    for (const wait of this.#waits) wait.end()
  }

  /** Waits until others have ended. @returns false if that cannot be waited for */
  *next(): Steps<boolean> {
    const wait = new Wait()
    this.#waits.add(wait)
    yield wait
    this.#waits.delete(wait)
    return !wait.isNow
  }
}

/** A wait, as a job; without other threads there is none. */
export class Wait implements Job {
  /** Whether it was not waited for. */
  isNow = false
  #end = () => {}
  readonly #ended = new Promise<Buffer>(resolve => {
    this.#end = () => resolve(NOTHING)
  })

  run(): Buffer {
    this.isNow = true
    return NOTHING
  }

  start(): Promise<Buffer> {
    return this.#ended
  }

  end(): void {
    this.#end()
  }
}

const NOTHING = Buffer.alloc(0)
