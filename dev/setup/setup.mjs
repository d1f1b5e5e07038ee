import { join } from 'node:path'
import { checkNodeVersion } from '../../shared/base/node-version.mjs'
import { withLock } from '../local/lock.mjs'
import { bench, compile, dist } from './compile.mjs'
import { installDependencies } from './dependencies.mjs'
import { progress } from './progress.mjs'
import { root, SetupError } from './project.mjs'

/**
 * Prepares the checkout: installs the dependencies of package-lock.json and compiles the program.
 * If the checkout is up to date, it does nothing and needs no network. Commands in one checkout
 * take turns.
 */
export async function setup({ benches = false } = {}) {
  try {
    checkNodeVersion(join(root, 'package.json'))
  } catch (error) {
    throw new SetupError(error.message)
  }
  await withLock(
    join(root, '.local', 'setup.lock'),
    async () => {
      await installDependencies()
      await compile(dist)
      if (benches) await compile(bench)
    },
    pid => progress(`waiting for process ${pid}, which is setting up this checkout`),
  )
}
