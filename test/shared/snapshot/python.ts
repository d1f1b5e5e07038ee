import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../../../dev/local/folders.js'
import { once } from '../../../dev/local/once.js'
import { runCommand, Unavailable, which } from '../../../dev/local/run-command.js'

const LIBRARY = 'fastavro>=1.5,<2'
const INSTALL_WITHIN_MS = 180_000

/**
 * A Python that has fastavro, in a virtual environment of the cache: made at the first call on a machine, from PyPI or
 * whatever pip is configured to use.
 *
 * @throws Unavailable with the reason, in one sentence
 */
export async function pythonWithAvro(log: (message: string) => void): Promise<string> {
  const { command, version } = await findPython()
  const folder = cacheFolder('python', `fastavro-1-python-${version}`)
  const program = join('bin', 'python')
  await once(
    folder,
    async unfinished => {
      log(`installing ${LIBRARY} for Python ${version} into ${folder}`)
      await must(command, ['-m', 'venv', unfinished], 'a virtual environment cannot be made')
      const python = join(unfinished, program)
      await must(python, ['-m', 'pip', 'install', '--quiet', LIBRARY], `pip cannot install ${LIBRARY}`)
      await must(python, ['-c', 'import fastavro'], 'fastavro does not load')
    },
    log,
  )
  return join(folder, program)
}

async function must(command: string, args: string[], what: string): Promise<void> {
  const { code, stdout, stderr } = await runCommand(command, args, { timeoutMs: INSTALL_WITHIN_MS })
  if (code === 0) return
  const reason = `${stderr}\n${stdout}`.trim().split('\n').at(-1) || 'no answer in time'
  throw new Unavailable(`${what}: ${reason}`)
}

/** The first Python 3.8 or newer: PYTHON, then python3 and python of the PATH. */
async function findPython(): Promise<{ command: string; version: string }> {
  const { PYTHON } = process.env
  const candidates = [...(PYTHON ? [PYTHON] : []), 'python3', 'python'].map(name =>
    existsSync(name) ? name : which(name),
  )
  for (const command of candidates) {
    if (!command) continue
    const script = 'import sys; print("%d.%d.%d" % sys.version_info[:3])'
    const { code, stdout } = await runCommand(command, ['-c', script], { timeoutMs: 20_000 })
    const version = stdout.trim()
    const [major, minor] = version.split('.').map(Number)
    if (code === 0 && major === 3 && minor >= 8) return { command, version }
  }
  throw new Unavailable('there is no Python 3.8 or newer on the PATH; set PYTHON to one')
}
