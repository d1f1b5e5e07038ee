import { createKafkaStore } from '../../../gateway/store/kafka/kafka-store.js'
import type { KafkaStoreOptions } from '../../../gateway/store/kafka/options.js'
import { systemClock } from '../../../shared/base/clock.js'
import { exposition, type Push, requestOf } from '../../gateway/state/text.js'

/**
 * A Kafka store in its own process, which a test can kill and suspend.
 *
 *   push-store.js '{"kafka":{"brokers":["127.0.0.1:9092"]},"topics":{…},"acceptGap":false}'
 *
 * Answers messages with the same number: `push` with the outcome, `text` with the exposition,
 * `state` with trouble and figures, `stop` after a planned stop.
 */
export type StoreProcessOptions = Pick<
  KafkaStoreOptions,
  'kafka' | 'topics' | 'acceptGap' | 'settings'
>

export type Question =
  | { readonly number: number; readonly what: 'push'; readonly push: Omit<Push, 'id'> }
  | { readonly number: number; readonly what: 'text' | 'state' | 'stop' }

export interface Answer {
  readonly number: number
  readonly result?: unknown
  readonly error?: { readonly message: string; readonly maybeApplied?: boolean }
}

const options = JSON.parse(process.argv[2] ?? '{}') as StoreProcessOptions
const quiet = () => {}
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }
const store = createKafkaStore({ ...options, clock: systemClock, logger })

async function answer(question: Question): Promise<unknown> {
  switch (question.what) {
    case 'push':
      return store.submit(requestOf(question.push))
    case 'text':
      return exposition(await store.read())
    case 'state':
      return { trouble: store.trouble(), ...store.figures }
    case 'stop':
      await store.stop()
      return {}
  }
}

process.on('message', (question: Question) => {
  const { number } = question
  const send = (answered: Omit<Answer, 'number'>) => process.send?.({ number, ...answered })
  answer(question).then(
    result => send({ result }),
    ({ message, maybeApplied }) => send({ error: { message, maybeApplied } }),
  )
})
process.once('disconnect', () => process.exit())
await store.start()
