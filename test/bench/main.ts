import { drain, idleShard, million, scrape, withKafka } from './pipeline.js'
import { readBack } from './read-back.js'
import { type Row, table } from './table.js'
import { targets } from './targets.js'

/**
 * `npm run bench [-- name …]` runs all or the named benchmarks and prints a table of the results.
 * `--against=<folder>` lets `targets` also measure the build of another checkout, interleaved with
 * this one.
 */
const against = process.argv
  .find(argument => argument.startsWith('--against='))
  ?.slice('--against='.length)
const benches: Record<string, () => Promise<Row[]>> = {
  codec: async () => (await import('./codec.bench.js')).run(),
  publisher: async () => (await import('./publisher.bench.js')).run(),
  text: async () => (await import('./text.bench.js')).run(),
  outbox: async () => (await import('./outbox.bench.js')).run(),
  render: async () => (await import('./render.bench.js')).run(),
  model: async () => (await import('./model.bench.js')).run(),
  snappy: async () => (await import('./snappy.bench.js')).run(),
  drain: () =>
    withKafka(async bench => [
      await drain(bench, { targets: 100, series: 1000 }, 30, 15),
      await drain(bench, { targets: 1000, series: 100 }, 30, 4),
    ]),
  scrape: () => withKafka(scrape),
  targets: () => withKafka(bench => targets(bench, against)),
  million: () =>
    withKafka(async bench => [...(await million(bench, false)), ...(await million(bench, true))]),
  'read-back': () =>
    withKafka(async bench => [
      ...(await readBack(bench, { targets: 200, series: 1000 }, 150)),
      ...(await readBack(bench, { targets: 2000, series: 30 }, 50)),
    ]),
  idle: () => withKafka(async bench => [await idleShard(bench)]),
}

const wanted = process.argv.slice(2).filter(argument => !argument.startsWith('-'))
const unknown = wanted.filter(name => !benches[name])
if (unknown.length) {
  console.error(
    `unknown benchmark ${unknown.join(', ')}; available: ${Object.keys(benches).join(', ')}`,
  )
  process.exit(2)
}
const rows: Row[] = []
let failed = false
for (const name of wanted.length ? wanted : Object.keys(benches)) {
  process.stderr.write(`${name} …\n`)
  try {
    rows.push(...(await benches[name]()))
  } catch (error) {
    failed = true
    rows.push({ work: name, figure: 'not measured', note: String(error) })
  }
}
console.log(table(rows))
process.exit(failed ? 1 : 0)
