import { Gauge, Registry } from 'prom-client'
import { afterEach, expect, test, vi } from 'vitest'
import { createPublisher } from '../../producer/index.js'
import { recordingLogger } from '../support/kafka.js'

afterEach(() => void vi.useRealTimers())

test('in a test with fake timers, stop keeps its deadline without a broker', async () => {
  const register = new Registry()
  new Gauge({ name: 'a', help: 'a', registers: [register] }).set(1)
  const logger = recordingLogger()
  vi.useFakeTimers()
  const options = { register, brokers: '127.0.0.1:1', job: 'shop', logger }
  const publisher = createPublisher(options)
  await publisher.start()
  await publisher.stop(200)
  expect(logger.lines.at(-1)).toMatch(/^warn stopped without an end of the run: /)
})

test('in a test with fake timers, stop keeps its deadline although a collect function hangs', async () => {
  const register = new Registry()
  const collect = () => new Promise<never>(() => {})
  new Gauge({ name: 'a', help: 'a', registers: [register], collect })
  vi.useFakeTimers()
  const publisher = createPublisher({
    register,
    brokers: '127.0.0.1:1',
    job: 'shop',
    logger: recordingLogger(),
  })
  await publisher.start()
  await publisher.stop(200)
})
