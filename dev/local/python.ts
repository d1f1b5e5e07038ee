import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createOnce } from './create-once.js'
import { fetchDebianPackages } from './debian.js'
import { cacheFolder } from './folders.js'
import { runCommand, Unavailable, which } from './run-command.js'

/** A library of PyPI. */
interface PythonLibrary {
  /** Name of the folder in the cache. */
  readonly id: string
  /** As pip takes it. */
  readonly requirement: string
  readonly module: string
}

const FASTAVRO = { id: 'fastavro-1', requirement: 'fastavro>=1.5,<2', module: 'fastavro' }
const PROMETHEUS_CLIENT = {
  id: 'prometheus-client-1',
  requirement: 'prometheus-client>=0.20,<1',
  module: 'prometheus_client',
}
const INSTALL_WITHIN_MS = 180_000

export const pythonWithAvro = (log: (message: string) => void): Promise<string> =>
  pythonWith(FASTAVRO, log)

/** Python with the official client library of Prometheus. */
export const pythonWithClient = (log: (message: string) => void): Promise<string> =>
  pythonWith(PROMETHEUS_CLIENT, log)

/**
 * Returns a Python with a library: a script in the cache that starts the Python of this machine with
 * it. It is created by the first call on a machine, from PyPI or the index that pip is configured
 * with. Python's venv and pip may be missing, as on a Debian with only python3.
 *
 * @throws Unavailable with the reason, in one sentence
 */
async function pythonWith(
  { id, requirement, module }: PythonLibrary,
  log: (message: string) => void,
): Promise<string> {
  const { command, version } = await findPython()
  const python = createHash('sha256').update(`${command} ${version}`).digest('hex').slice(0, 12)
  const folder = cacheFolder(`python-${id}-${python}`)
  await createOnce(
    folder,
    async unfinished => {
      log(`installing ${requirement} for Python ${version} into ${folder}`)
      const options = [
        '--quiet',
        '--disable-pip-version-check',
        '--target',
        join(unfinished, 'lib'),
      ]
      const pip = await findPip(command, log)
      await must(
        command,
        ['-m', 'pip', 'install', ...options, requirement],
        `pip cannot install ${requirement}`,
        pip,
      )
      const launcher = join(unfinished, 'python')
      writeFileSync(launcher, `#!/bin/sh\nPYTHONPATH="\${0%/*}/lib" exec "${command}" "$@"\n`)
      chmodSync(launcher, 0o755)
      await must(launcher, ['-c', `import ${module}`], `${module} does not load`)
    },
    log,
  )
  return join(folder, 'python')
}

/** PYTHONPATH for `-m pip`: none, or the pip wheel of Debian, which contains pip. */
async function findPip(
  command: string,
  log: (message: string) => void,
): Promise<string | undefined> {
  if ((await runCommand(command, ['-m', 'pip', '--version'], { timeoutMs: 60_000 })).code === 0)
    return
  const root = await fetchDebianPackages(
    { suite: 'own', packages: ['python3-pip-whl'], programs: [] },
    log,
  )
  const wheels = join(root, 'usr/share/python-wheels')
  const wheel = readdirSync(wheels).find(file => file.startsWith('pip-'))
  return join(wheels, wheel!)
}

async function must(
  command: string,
  args: string[],
  what: string,
  pythonPath?: string,
): Promise<void> {
  const env = pythonPath === undefined ? process.env : { ...process.env, PYTHONPATH: pythonPath }
  const { code, stdout, stderr } = await runCommand(command, args, {
    env,
    timeoutMs: INSTALL_WITHIN_MS,
  })
  if (code === 0) return
  const reason = `${stderr}\n${stdout}`.trim().split('\n').at(-1) || 'no answer in time'
  throw new Unavailable(`${what}: ${reason}`)
}

/** Python 3.8 or newer: PYTHON if it is set, else python3 or python of the PATH. */
async function findPython(): Promise<{ command: string; version: string }> {
  const { PYTHON } = process.env
  const candidates = (PYTHON ? [PYTHON] : ['python3', 'python']).map(name =>
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
  throw new Unavailable(
    PYTHON
      ? `PYTHON=${PYTHON} is not a Python 3.8 or newer.`
      : 'There is no Python 3.8 or newer on the PATH: install python3, or set PYTHON to one.',
  )
}
