import { Slice } from './scheduling.js'

/**
 * Long work in steps of well under a millisecond. At each `yield` the event loop may be yielded. A
 * job that the generator yields is passed back to it with its result, or thrown with its error.
 */
export type Steps<T> = Generator<Job | undefined, T, Buffer | undefined>

/** Work outside of JavaScript, which another thread can do. */
export interface Job {
  /** Does the work at once. */
  run(): Buffer
  /** Does the work on another thread. */
  start(): Promise<Buffer>
}

/** Short work as a step. */
export function* oneStep<T>(work: () => T): Steps<T> {
  yield
  return work()
}

/** Runs all steps synchronously. */
export function runNow<T>(steps: Steps<T>): T {
  let step = steps.next()
  while (!step.done) {
    const job = step.value
    let result: Buffer | undefined
    try {
      result = job?.run()
    } catch (error) {
      step = steps.throw(error)
      continue
    }
    step = steps.next(result)
  }
  return step.value
}

/** Slices in an application are shorter, because its own work shares the event loop, ms. */
const STEPS_MS = 3

/**
 * Runs the steps in slices of 3 ms, yields the event loop in between, and runs jobs on other
 * threads.
 *
 * @param slice measures also what the caller does before and after it in the same turn
 */
export async function runInSlices<T>(
  steps: Steps<T>,
  slice: Slice = new Slice(STEPS_MS),
): Promise<T> {
  let step = steps.next()
  while (!step.done) {
    const job = step.value
    let result: Buffer | undefined
    if (job) {
      try {
        result = await job.start()
      } catch (error) {
        await slice.next()
        step = steps.throw(error)
        continue
      }
      // Several jobs may end in one turn, and the work after each of them would share it.
      await slice.next()
    } else if (slice.isOver()) await slice.next()
    step = steps.next(result)
  }
  return step.value
}
