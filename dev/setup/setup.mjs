import { join } from 'node:path'
import { checkNodeVersion } from '../../shared/base/node-version.mjs'
import { withLock } from '../local/lock.mjs'
import { bench, compile, dist } from './compile.mjs'
import { installDependencies } from './dependencies.mjs'
import { progress } from './progress.mjs'
import { root, SetupError } from './project.mjs'

/**
 * Makes the checkout ready to run: dependencies as in package-lock.json, the program compiled. Does nothing, and needs no
 * network, when it is ready. Two commands in one checkout wait for each other here.
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
