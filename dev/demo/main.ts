import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa from 'koa'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { createPublisher } from '../../producer/index.js'
import { duration, flag, integer, listenAddress, text } from '../../shared/base/flags/builders.js'
import { parseFlags } from '../../shared/base/flags/parse.js'
import { ConfigError, type Values } from '../../shared/base/flags/types.js'
import { createLogger } from '../../shared/base/log.js'
import { aborted, runUntilSignal } from '../../shared/base/signals.js'
import { kafkaFlags, readKafkaConfig, topicFlag } from '../../shared/kafka/flags.js'
import { catalog } from './catalog.js'
import { httpMetrics } from './http-metrics.js'
import { Load } from './load.js'
import { payments } from './payments.js'
import { random } from './random.js'
import type { DemoService } from './service.js'
import { shop } from './shop.js'

/**
 * A demo application: `node dist/dev/demo/main.js shop --kafka.brokers=…`. It publishes its metrics
 * to Kafka and exposes the same registry at `/metrics` for comparison.
 */
const services = { shop, payments, catalog }

const flags = {
  ...kafkaFlags,
  ...topicFlag,
  'web.listen-address': flag(listenAddress, { default: ':8080', help: 'Address to listen on.' }),
  instance: flag(text, { help: 'Label instance of the target. Default: 127.0.0.1:<port>.' }),
  interval: flag(duration({ min: '1s', max: '2m' }), { default: '5s', help: 'Publish interval.' }),
  load: flag(integer(0, 1000), { default: '3', help: 'Mean number of visits per second.' }),
}

const [name = '', ...argv] = process.argv.slice(2)
const { service, options } = readCommand()
const logger = createLogger({ level: 'info', format: 'logfmt' })

const register = new Registry()
collectDefaultMetrics({ register })
const router = new Router()
service.routes(router, register, random)
router.get('/metrics', async context => {
  context.type = register.contentType
  context.body = await register.metrics()
})
const app = new Koa()
app.use(httpMetrics(register)).use(router.routes())

const server = createServer(app.callback())
server.listen(options['web.listen-address'].port, options['web.listen-address'].host)
await once(server, 'listening')
const { port } = server.address() as AddressInfo
const instance = options.instance ?? `127.0.0.1:${port}`
const { brokers, ssl, sasl } = readKafkaConfig(options)
const publisher = createPublisher({
  register,
  brokers: [...brokers],
  ssl,
  sasl,
  topic: options['kafka.topic'],
  job: service.job,
  instance,
  interval: options.interval,
  logger,
})
const load = new Load(`http://127.0.0.1:${port}`, options.load, service.visit)

const code = await runUntilSignal(
  async ending => {
    load.start()
    try {
      await publisher.start()
      logger.info('serving and publishing', { job: service.job, instance })
      await aborted(ending)
      return 0
    } finally {
      load.stop()
      server.close()
      server.closeAllConnections()
      await publisher.stop(3000)
    }
  },
  {
    graceMs: 5000,
    warn: message => logger.warn(message),
    report: error => logger.error('shutting down after an error', { error }),
  },
)
process.exit(code)

function readCommand(): { service: DemoService; options: Values<typeof flags> } {
  if (!Object.hasOwn(services, name)) {
    fail(`unknown demo service "${name}"; use one of: ${Object.keys(services).join(', ')}`)
  }
  try {
    return {
      service: services[name as keyof typeof services],
      options: parseFlags(flags, argv, process.env),
    }
  } catch (error) {
    if (error instanceof ConfigError) fail(error.message)
    throw error
  }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
