// Writes the dictionaries of layouts that are missing, after `npm run build`:
//
//     node dist/dev/dictionary/main.js

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildLayout1 } from './layout-1.js'
import { moduleOf } from './module.js'

const FOLDER = join('shared', 'snapshot', 'dictionary')

const file = join(FOLDER, 'layout-1.bin')
const built = buildLayout1()
if (existsSync(file) && !readFileSync(file).equals(built)) {
  console.error(
    `${file} differs from what its corpus gives. Records refer to it: leave it, and add another one.`,
  )
  process.exitCode = 1
} else {
  writeFileSync(file, built)
  writeFileSync(join(FOLDER, 'layout-1.ts'), moduleOf('LAYOUT_1', built))
  console.log(`${file}: ${built.length} bytes`)
}
