import { expect, test } from 'vitest'
import { RepeatedWarnings } from '../../../shared/base/repeated-warnings.js'
import { KafkaError } from '../../../shared/kafka/errors.js'
import { OutageLog } from '../../../shared/kafka/group/outage-log.js'

function recording() {
  const lines: { message: string; suppressed: unknown }[] = []
  const time = { mono: 0 }
  const ignore = () => {}
  const logger = {
    debug: ignore,
    info: ignore,
    error: ignore,
    warn: (message: string, fields?: Readonly<Record<string, unknown>>) =>
      lines.push({ message, suppressed: fields?.suppressed }),
  }
  return { lines, time, logger, clock: { now: () => ({ wall: 0, mono: time.mono }) } as never }
}

test('warnings of one kind are logged each half minute, with the number of those in between', () => {
  const { lines, time, logger, clock } = recording()
  const warnings = new RepeatedWarnings(logger, clock)
  for (; time.mono < 60_000; time.mono += 1_000) warnings.warn('down', `at ${time.mono}`)
  expect(lines).toEqual([
    { message: 'at 0', suppressed: undefined },
    { message: 'at 30000', suppressed: 29 },
  ])
})

test('another kind is logged at once, and more kinds than any program has need no more memory', () => {
  const { lines, logger, clock } = recording()
  const warnings = new RepeatedWarnings(logger, clock)
  for (let kind = 0; kind < 1_000; kind++) warnings.warn(`kind ${kind}`, 'x')
  expect(lines).toHaveLength(1_000)
})

test('an outage of several brokers is one kind: connections that fail in different ways', () => {
  const { lines, time, logger, clock } = recording()
  const outages = new OutageLog(logger, clock, {})
  for (; time.mono < 20_000; time.mono += 400) {
    outages.report(new KafkaError('CONNECTION', 'nothing listens at kafka-1:9092'))
    outages.report(new KafkaError('TIMEOUT', 'kafka-2:9092 does not respond'))
    outages.report(new KafkaError('CLOSED', 'kafka-3:9092 closed the connection'))
  }
  outages.report(new KafkaError('GROUP_AUTHORIZATION_FAILED', 'not authorized'))
  expect(lines.map(({ message }) => message)).toEqual([
    'nothing listens at kafka-1:9092; retrying',
    'not authorized; retrying',
  ])
})
