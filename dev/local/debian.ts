import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createOnce } from './create-once.js'
import { download, lastLine } from './debian/apt.js'
import { writeLaunchers } from './debian/launcher.js'
import { cacheFolder } from './folders.js'
import { runCommand, Unavailable } from './run-command.js'

/** Programs and the packages that bring them. */
export interface DebianPackages {
  /**
   * `newer` takes the named packages and nothing else, of a suite that is newer than most machines.
   * `own` takes them with all libraries that they need, of the suite of this machine.
   */
  readonly suite: 'newer' | 'own'
  readonly packages: readonly string[]
  /** Paths below the root of the system. */
  readonly programs: readonly string[]
}

const NEWER = 'forky'
/** Of what is unpacked, what no program reads. */
const NEVER_READ = ['doc', 'icons', 'locale', 'man'].map(folder => join('usr', 'share', folder))

/** The path of a program that was fetched before, or null. */
export function debianProgram(wanted: DebianPackages, program: string): string | null {
  const suite = suiteOf(wanted)
  if (suite === null) return null
  const path = join(folderOf(wanted, suite), 'run', program)
  return existsSync(path) ? path : null
}

/**
 * Unpacks Debian packages into the cache, once, without being root and without touching the system.
 *
 * @returns the folder that stands for /
 * @throws Unavailable where there is no apt, no mirror that has the suite, or no network
 */
export async function fetchDebianPackages(
  wanted: DebianPackages,
  log: (message: string) => void,
): Promise<string> {
  const suite = suiteOf(wanted)
  if (suite === null) throw new Unavailable('this is no Debian')
  const make = async (unfinished: string) => {
    const { packages } = wanted
    const apt = join(unfinished, 'apt')
    const archives = await download({ suite, packages, dependencies: wanted.suite === 'own' }, apt, log)
    for (const archive of archives) await unpack(archive, unfinished)
    for (const path of [apt, ...NEVER_READ.map(path => join(unfinished, path))]) {
      rmSync(path, { recursive: true, force: true })
    }
    writeLaunchers(wanted.programs, unfinished)
  }
  return createOnce(folderOf(wanted, suite), make, log)
}

const folderOf = ({ packages }: DebianPackages, suite: string): string =>
  cacheFolder(`debian-${suite}-${packages.join('+')}`)

function suiteOf({ suite }: DebianPackages): string | null {
  if (suite === 'newer') return NEWER
  try {
    return /^VERSION_CODENAME="?(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? null
  } catch {
    return null
  }
}

/** Unpacks an archive, unless it is of the base system, which every machine has. */
async function unpack(archive: string, folder: string): Promise<void> {
  const { stdout } = await runCommand('dpkg-deb', ['--field', archive, 'Package', 'Priority'])
  // The C library and the loader are of one build, and the loader is always the machine's.
  if (/^Package: libc6$|^Priority: (required|important)$/m.test(stdout)) return
  const { code, stderr } = await runCommand('dpkg-deb', ['--extract', archive, folder])
  if (code !== 0) throw new Unavailable(`a package could not be unpacked (${lastLine(stderr)})`)
}
