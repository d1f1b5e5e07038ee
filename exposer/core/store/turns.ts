import type { Job, Steps } from '../../../shared/base/steps.js'

/** Waits of steps for other steps to end. */
export class Turns {
  readonly #turns = new Set<Turn>()

  /** Ends all waits. */
  end(): void {
    for (const turn of this.#turns) turn.end()
  }

  /** Waits until others have ended. @returns false if that cannot be waited for */
  *next(): Steps<boolean> {
    const turn = new Turn()
    this.#turns.add(turn)
    yield turn
    this.#turns.delete(turn)
    return !turn.isNow
  }
}

/** A wait, as a job; without other threads there is none. */
export class Turn implements Job {
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
