// The prepack script of both packages: node dev/setup/pack.mjs <folder of the package>
//
// Copies the files of dist/ that the `bin` and `exports` of the package need to its lib/.

import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { command, root } from './project.mjs'
import { reachable } from './reachable.mjs'
import { setup } from './setup.mjs'

/** Commands that need a checkout. In a package they fail with that message. */
const CHECKOUT_ONLY = ['cli/dev.js', 'cli/lab.js']

await command(async () => {
  const folder = resolve(root, process.argv[2])
  await setup()
  stage(folder)
})

function stage(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const { files } = reachable(entriesOf(manifest), CHECKOUT_ONLY)
  rmSync(join(folder, 'lib'), { recursive: true, force: true })
  for (const file of files) {
    const copy = join(folder, 'lib', file)
    mkdirSync(dirname(copy), { recursive: true })
    copyFileSync(join(root, 'dist', file), copy)
  }
  if (folder !== resolve(root)) copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
}

/** The entry points in lib/ of a package, as paths below dist/. */
function entriesOf({ bin = {}, exports }) {
  const named = [bin, ...Object.values(exports)].flatMap(value => Object.values(value))
  return named
    .map(path => /^(?:\.\/)?lib\/(.+)$/.exec(path)?.[1])
    .filter(path => path !== undefined)
}
