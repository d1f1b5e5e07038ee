import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { debianFolder, debianPackages } from '../debian.js'
import { Unavailable, which } from '../run-command.js'

const FOLDER = 'prometheus-3'
const PACKAGES = ['prometheus', 'promtool']
const SUPPLY = 'set PROMETHEUS_BIN to a Prometheus 3, or put one on the PATH'

/**
 * A Prometheus 3 that is here already: PROMETHEUS_BIN, PATH, or what was fetched before. Null when there is none; then
 * `fetchPrometheus` may still get one.
 *
 * @throws Unavailable when PROMETHEUS_BIN is set to something else
 */
export function findPrometheus(): string | null {
  const given = process.env.PROMETHEUS_BIN
  if (given) {
    const major = majorVersion(given)
    if (major === null) throw new Unavailable(`PROMETHEUS_BIN=${given} does not run as a Prometheus.`)
    if (major < 3) throw new Unavailable(`PROMETHEUS_BIN=${given} is version ${major}, needed is 3.`)
    return given
  }
  const onPath = which('prometheus')
  if (onPath && (majorVersion(onPath) ?? 0) >= 3) return onPath
  return fetched('prometheus')
}

/** The promtool that belongs to it, or null. */
export function findPromtool(): string | null {
  const prometheus = findPrometheus()
  const beside = prometheus && join(prometheus, '..', 'promtool')
  return beside && existsSync(beside) ? beside : which('promtool')
}

/**
 * As `findPrometheus`, but fetches one when none is here.
 *
 * @throws Unavailable with what to do
 */
export async function fetchPrometheus(log: (message: string) => void = () => {}): Promise<string> {
  const here = findPrometheus()
  if (here) return here
  try {
    await debianPackages(FOLDER, PACKAGES, log)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    throw new Unavailable(`There is no Prometheus: none on the PATH, and ${error.message}; ${SUPPLY}.`)
  }
  const path = fetched('prometheus')
  if (path) return path
  throw new Unavailable(`There is no Prometheus: the one that Debian has does not run here; ${SUPPLY}.`)
}

function fetched(program: string): string | null {
  const path = join(debianFolder(FOLDER), 'usr', 'bin', program)
  return existsSync(path) && (majorVersion(path) ?? 0) >= 3 ? path : null
}

const versions = new Map<string, number | null>()

/** Null when it does not run, or does not say. */
function majorVersion(path: string): number | null {
  const known = versions.get(path)
  if (known !== undefined) return known
  let major: number | null = null
  try {
    const output = execFileSync(path, ['--version'], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 })
    major = Number(/prometheus, version (\d+)/.exec(output.toString())?.[1]) || null
  } catch {}
  versions.set(path, major)
  return major
}
