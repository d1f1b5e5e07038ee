import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { benches } from './benches.js'
import { blockOf, replaceBlock } from './page.js'
import { failedRow, type Row, table } from './table.js'

const PAGE = fileURLToPath(new URL('../../../docs/performance.md', import.meta.url))
const USAGE = `npm run bench [-- name …]

Runs all or the named benchmarks, one after the other, and prints a table of the results.

${Object.entries(benches)
  .map(([name, { measures }]) => `  ${name.padEnd(10)} ${measures}`)
  .join('\n')}

  --write             also write the results to their blocks in docs/performance.md
  --against=<folder>  targets: also measure the build of another checkout, interleaved with this one
  --help              print this text
`

function exitWith(code: number, text: string): never {
  process[code === 0 ? 'stdout' : 'stderr'].write(text)
  process.exit(code)
}

const AGAINST = '--against='
const WRITE = '--write'
const options = process.argv.slice(2).filter(argument => argument.startsWith('-'))
const wanted = process.argv.slice(2).filter(argument => !argument.startsWith('-'))
if (options.some(option => option === '--help' || option === '-h')) exitWith(0, USAGE)
const against = options.find(option => option.startsWith(AGAINST))?.slice(AGAINST.length)
const unknown = [
  ...options.filter(option => !option.startsWith(AGAINST) && option !== WRITE),
  ...wanted.filter(name => !benches[name]),
]
if (unknown.length > 0) exitWith(2, `unknown: ${unknown.join(', ')}\n\n${USAGE}`)

/** Writes to the page at once, so that what was measured is kept if a later benchmark fails. */
function write(name: string, rows: readonly Row[], conditions: string): void {
  const block = blockOf(name, benches[name], { rows, conditions })
  writeFileSync(PAGE, replaceBlock(readFileSync(PAGE, 'utf8'), name, block))
}

const rows: Row[] = []
let failed = false
for (const name of wanted.length ? wanted : Object.keys(benches)) {
  process.stderr.write(`${name} …\n`)
  const start = performance.now()
  const load = loadavg()[0].toFixed(1)
  try {
    const measured = await benches[name].run({ against })
    const seconds = Math.round((performance.now() - start) / 1000)
    process.stderr.write(`${name} took ${seconds} s\n`)
    rows.push(...measured)
    if (measured.some(row => row.failed)) {
      failed = true
      continue
    }
    const day = new Date().toISOString().slice(0, 10)
    const machine = `${cpus().length} cores, Node ${process.version}, load average ${load} before it`
    if (options.includes(WRITE)) write(name, measured, `${day}, ${machine}; took ${seconds} s`)
  } catch (error) {
    failed = true
    rows.push(failedRow(name, error))
  }
}
console.log(table(rows))
process.exit(failed ? 1 : 0)
