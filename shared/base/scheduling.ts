/** Work of other waiters in a turn after which the next waiter has to wait for another turn, ms. */
const TURN_MS = 3

/** Waiters in the order in which they began to wait. */
const waiting: (() => void)[] = []
/** Index of the first waiter. */
let head = 0
/** Whether an immediate will mark the beginning of the next turn. */
let marked = false
/** Monotonic ms of the beginning of this turn's work. */
let turnStart = 0

/**
 * Yields the event loop: resolves in one of its next turns, after pending input and due timers.
 *
 * No other module yields the event loop. Everything that limits the work of a turn uses this
 * function, and all of it shares the turn: after a few milliseconds of work the remaining waiters
 * wait for the next turn, in order. Otherwise the slices of many partitions and responses would add
 * up.
 */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => {
    waiting.push(resolve)
    schedule()
  })
}

function schedule(): void {
  // Immediates that are set during a turn run in the next one, in order: the mark is the first.
  if (!marked) {
    marked = true
    setImmediate(markTurn)
  }
  setImmediate(resumeOne)
}

function markTurn(): void {
  marked = false
  turnStart = performance.now()
}

/** Promise reactions run before the next immediate, so that `turnStart` covers their work. */
function resumeOne(): void {
  if (performance.now() - turnStart >= TURN_MS) {
    schedule()
    return
  }
  const resume = waiting[head++]
  if (head === waiting.length) {
    waiting.length = 0
    head = 0
  } else if (head >= 1024) {
    waiting.splice(0, head)
    head = 0
  }
  resume()
}

/**
 * Maximum work of one slice, ms. The limit of a turn is 10 ms; the rest is for the step during
 * which this time elapses, and for the slices before it in the same turn.
 */
export const SLICE_MS = 5

/** Measures the work of one slice. */
export class Slice {
  #start: number

  /**
   * @param ms maximum work of a slice
   * @param mono monotonic clock, ms
   */
  constructor(
    private readonly ms = SLICE_MS,
    private readonly mono: () => number = () => performance.now(),
  ) {
    this.#start = mono()
  }

  /** Whether it is time to yield the event loop. @param now monotonic ms, if the caller has it */
  isOver(now: number = this.mono()): boolean {
    return now - this.#start >= this.ms
  }

  /** Yields the event loop and restarts the measurement. */
  async next(): Promise<void> {
    await nextTurn()
    this.restart()
  }

  /** Restarts the measurement after the event loop was yielded for another reason. */
  restart(): void {
    this.#start = this.mono()
  }
}
