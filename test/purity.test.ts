import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Imports and calls that make the result of a function depend on more than its arguments. */
const IMPURE = [
  /from 'node:/,
  /from '(kafkajs|koa|@koa\/router|prom-client|zod|yaml|avsc)'/,
  /from '[^']*\/shared\/kafka\/(?!types\.js)/,
  /\bDate\.now\(|\bnew Date\(\)|\bperformance\.|\bprocess\.|\bset(Timeout|Interval|Immediate)\(|\bsystemClock\b|\bMath\.random\(/,
]

test.each(['exposer/core', 'shared/exposition'])('%s does no IO and reads no clock', folder => {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter(f =>
    f.endsWith('.ts'),
  )
  expect(files.length).toBeGreaterThan(3)
  const violations = files.flatMap(file =>
    readFileSync(join(root, folder, file), 'utf8')
      .split('\n')
      .filter(
        line => !/^\s*(\*|\/\/|\/\*)/.test(line) && IMPURE.some(pattern => pattern.test(line)),
      )
      .map(line => `${file}: ${line.trim()}`),
  )
  expect(violations).toEqual([])
})
