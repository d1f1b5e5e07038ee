import { type Bench, withKafka } from '../bench/pipeline.js'
import { type Row, table } from '../bench/table.js'
import { agents } from './agent.js'
import { appDeaths, pausedAndDrained, rollingRestarts, shardDeaths } from './deaths.js'
import { freshness } from './freshness.js'
import { gatewayKills } from './gateway-kills.js'
import { rates } from './rates.js'
import { replicas } from './replicas.js'
import { senderOutage, senders } from './senders.js'
import { thousandTargets } from './thousand.js'

/**
 * `npm run measure [-- name …]` runs all or the named measurements, which take minutes, and prints
 * a table of the results. `--against=<folder>`: `freshness` also measures the build of another
 * checkout, at the same time.
 */
const AGAINST = '--against='
const against = process.argv
  .slice(2)
  .find(argument => argument.startsWith(AGAINST))
  ?.slice(AGAINST.length)
const measurements: Record<string, (bench: Bench) => Promise<Row[]>> = {
  agents: bench => agents(bench),
  'app-deaths': appDeaths,
  'shard-deaths': shardDeaths,
  'rolling-restarts': rollingRestarts,
  'paused-and-drained': pausedAndDrained,
  'gateway-kills': gatewayKills,
  freshness: bench => freshness(bench, against),
  rates,
  replicas,
  senders,
  'sender-outage': senderOutage,
  'thousand-targets': thousandTargets,
}

const wanted = process.argv.slice(2).filter(argument => !argument.startsWith('-'))
const unknown = wanted.filter(name => !measurements[name])
if (unknown.length) {
  console.error(
    `unknown measurement ${unknown.join(', ')}; available: ${Object.keys(measurements).join(', ')}`,
  )
  process.exit(2)
}
const rows: Row[] = []
let failed = false
for (const name of wanted.length ? wanted : Object.keys(measurements)) {
  process.stderr.write(`${name} …\n`)
  try {
    rows.push(...(await withKafka(measurements[name])))
  } catch (error) {
    failed = true
    rows.push({ work: name, figure: 'not measured', note: String(error) })
  }
}
console.log(table(rows))
process.exit(failed ? 1 : 0)
