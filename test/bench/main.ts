import { lists } from './lists.js'
import { loop } from './loop.js'
import { drain, idleShard, million, scrape, withKafka } from './pipeline.js'
import { readBack } from './read-back.js'
import { type Row, table } from './table.js'
import { targets } from './targets.js'

interface Bench {
  readonly measures: string
  run(): Promise<Row[]>
}

const benches: Record<string, Bench> = {
  codec: {
    measures: 'encoding and decoding of records',
    run: async () => (await import('./codec.bench.js')).run(),
  },
  publisher: {
    measures: 'what a publisher costs its application',
    run: async () => (await import('./publisher.bench.js')).run(),
  },
  text: {
    measures: 'readers of the text formats',
    run: async () => (await import('./text.bench.js')).run(),
  },
  outbox: {
    measures: 'sending for many targets',
    run: async () => (await import('./outbox.bench.js')).run(),
  },
  render: {
    measures: 'rendering of targets and views',
    run: async () => (await import('./render.bench.js')).run(),
  },
  model: {
    measures: 'the metric model and its mapping to records',
    run: async () => (await import('./model.bench.js')).run(),
  },
  snappy: {
    measures: 'the snappy decoder',
    run: async () => (await import('./snappy.bench.js')).run(),
  },
  drain: {
    measures: 'a shard that consumes a backlog, with Kafka',
    run: () =>
      withKafka(async bench => [
        await drain(bench, { targets: 100, series: 1000 }, 30, 15),
        await drain(bench, { targets: 1000, series: 100 }, 30, 4),
      ]),
  },
  scrape: { measures: 'scrapes of a shard, with Kafka', run: () => withKafka(scrape) },
  targets: {
    measures: 'scrapes of a thousand virtual targets, with Kafka',
    run: () => withKafka(bench => targets(bench, against)),
  },
  million: {
    measures: 'a shard with a million series, with Kafka',
    run: () =>
      withKafka(async bench => [...(await million(bench, false)), ...(await million(bench, true))]),
  },
  lists: { measures: '/sd of 100,000 targets, in one shard and in a hundred', run: lists },
  'read-back': {
    measures: 'reading the log before the replay window, with Kafka',
    run: () =>
      withKafka(async bench => [
        ...(await readBack(bench, { targets: 200, series: 1000 }, 150)),
        ...(await readBack(bench, { targets: 2000, series: 30 }, 50)),
      ]),
  },
  loop: {
    measures: 'the longest turn of a shard that sees new layouts, with Kafka',
    run: () => withKafka(loop),
  },
  idle: {
    measures: 'a shard without targets, with Kafka',
    run: () => withKafka(async bench => [await idleShard(bench)]),
  },
}

const USAGE = `npm run bench [-- name …]

Runs all or the named benchmarks, one after the other, and prints a table of the results.

${Object.entries(benches)
  .map(([name, { measures }]) => `  ${name.padEnd(10)} ${measures}`)
  .join('\n')}

  --against=<folder>  targets: also measure the build of another checkout, interleaved with this one
  --help              print this text
`

function exitWith(code: number, text: string): never {
  process[code === 0 ? 'stdout' : 'stderr'].write(text)
  process.exit(code)
}

const AGAINST = '--against='
const options = process.argv.slice(2).filter(argument => argument.startsWith('-'))
const wanted = process.argv.slice(2).filter(argument => !argument.startsWith('-'))
if (options.some(option => option === '--help' || option === '-h')) exitWith(0, USAGE)
const against = options.find(option => option.startsWith(AGAINST))?.slice(AGAINST.length)
const unknown = [
  ...options.filter(option => !option.startsWith(AGAINST)),
  ...wanted.filter(name => !benches[name]),
]
if (unknown.length > 0) exitWith(2, `unknown: ${unknown.join(', ')}\n\n${USAGE}`)
const rows: Row[] = []
let failed = false
for (const name of wanted.length ? wanted : Object.keys(benches)) {
  process.stderr.write(`${name} …\n`)
  try {
    rows.push(...(await benches[name].run()))
  } catch (error) {
    failed = true
    rows.push({ work: name, figure: 'not measured', note: String(error) })
  }
}
console.log(table(rows))
process.exit(failed ? 1 : 0)
