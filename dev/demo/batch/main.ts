import { setTimeout as delay } from 'node:timers/promises'
import { Counter, Gauge, Pushgateway, Registry } from 'prom-client'
import { asError } from '../../../shared/base/as-error.js'
import { duration, flag, httpUrl } from '../../../shared/base/flags/builders.js'
import { parseFlags } from '../../../shared/base/flags/parse.js'
import { ConfigError } from '../../../shared/base/flags/types.js'
import { createLogger } from '../../../shared/base/log.js'
import { aborted, runUntilSignal } from '../../../shared/base/signals.js'
import { random } from '../random.js'

/**
 * A demo batch job: `node dist/dev/demo/batch/main.js --gateway=http://127.0.0.1:9753`. Each run
 * exports some tables, and pushes what it did with the Pushgateway client of prom-client, as a job
 * does that ends before anybody can scrape it.
 */
const BATCH_JOB = 'backup'
const TABLES = ['orders', 'payments', 'products']
const PUSH_TIMEOUT_MS = 10_000
const RETRY_MS = 1_000

const flags = {
  gateway: flag(httpUrl, { default: 'http://127.0.0.1:9753', help: 'URL of the gateway.' }),
  interval: flag(duration({ min: '1s', max: '1h' }), {
    default: '20s',
    help: 'Time between the starts of two runs.',
  }),
}

const options = readOptions()
const logger = createLogger({ level: 'info', format: 'logfmt' })

const code = await runUntilSignal(
  async ending => {
    const stop = aborted(ending)
    while (!ending.aborted) {
      const next = delay(options.interval)
      const error = await run().then(() => undefined, asError)
      if (error) logger.warn('The push failed', { error })
      await Promise.race([error ? delay(RETRY_MS) : next, stop])
    }
    return 0
  },
  {
    graceMs: 1000,
    warn: message => logger.warn(message),
    report: error => logger.error('shutting down after an error', { error }),
  },
)
process.exit(code)

/** One run of the job: it has a registry of its own, like a process that ends. */
async function run(): Promise<void> {
  const registry = new Registry()
  const registers = [registry]
  const rows = new Counter({
    name: 'backup_rows_total',
    help: 'Number of rows exported by the last run, by table.',
    labelNames: ['table'],
    registers,
  })
  const seconds = new Gauge({
    name: 'backup_duration_seconds',
    help: 'Duration of the last run.',
    registers,
  })
  const success = new Gauge({
    name: 'backup_last_success_timestamp_seconds',
    help: 'Unix time of the end of the last run that was complete.',
    registers,
  })
  const start = performance.now()
  for (const table of TABLES) {
    await delay(random.duration(100))
    rows.inc({ table }, 1000 + random.below(500))
  }
  seconds.set((performance.now() - start) / 1000)
  success.setToCurrentTime()
  const gateway = new Pushgateway(options.gateway, { timeout: PUSH_TIMEOUT_MS }, registry)
  await gateway.push({ jobName: BATCH_JOB, groupings: { instance: 'nightly' } })
}

function readOptions() {
  try {
    return parseFlags(flags, process.argv.slice(2), process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}
