import { explain, type KafkaError } from '../errors.js'

/**
 * Delay until the next broker is tried while an attempt is pending, ms. RFC 8305, section 5
 * ("Happy Eyeballs"), recommends 250 ms.
 */
const NEXT_ATTEMPT_MS = 250

/** What is connected to, such as a link. */
interface Connectable {
  connect(): Promise<void>
}

/**
 * Connects to the first of several brokers that responds. Attempts overlap: a broker that accepts
 * the connection and then says nothing delays the next attempt by 250 ms, not until its timeout. A
 * failed attempt starts the next one at once. Attempts that lose are not ended.
 *
 * @param candidates are opened in order, each at most once
 * @param background do not keep the process alive for the timer
 * @throws KafkaError the first failure, if all attempts fail or a login is refused
 */
export function firstConnected<T extends Connectable>(
  candidates: readonly (() => T)[],
  background = false,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let next = 0
    let pending = 0
    let first: KafkaError | null = null
    let settled = false
    let timer: NodeJS.Timeout | undefined

    const settle = (end: () => void) => {
      settled = true
      clearTimeout(timer)
      end()
    }
    const onFailure = (error: unknown) => {
      pending--
      if (settled) return
      const explained = explain(error)
      first ??= explained
      // The other brokers would refuse the same login.
      if (explained.type === 'AUTHENTICATION') settle(() => reject(explained))
      else if (next < candidates.length) attempt()
      else if (pending === 0) settle(() => reject(first))
    }
    const attempt = () => {
      clearTimeout(timer)
      const open = candidates[next++]
      if (!open) return
      pending++
      if (next < candidates.length) {
        timer = setTimeout(attempt, NEXT_ATTEMPT_MS)
        if (background) timer.unref()
      }
      let candidate: T
      try {
        candidate = open()
      } catch (error) {
        return onFailure(error)
      }
      candidate.connect().then(() => {
        pending--
        if (!settled) settle(() => resolve(candidate))
      }, onFailure)
    }
    attempt()
  })
}
