import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createOnce } from './create-once.js'
import { download, lastLine } from './debian/apt.js'
import { writeLaunchers } from './debian/launcher.js'
import { cacheFolder } from './folders.js'
import { runCommand, Unavailable } from './run-command.js'

/** Programs and the Debian packages that contain them. */
export interface DebianPackages {
  /**
   * `newer`: only the named packages, from a suite that is newer than that of most machines.
   * `stable`: the same, from the suite before it. `own`: the named packages and their dependencies,
   * from the suite of this machine.
   */
  readonly suite: 'newer' | 'stable' | 'own'
  readonly packages: readonly string[]
  /** Paths below /. */
  readonly programs: readonly string[]
}

const NEWER = 'forky'
const STABLE = 'trixie'
/** Unpacked folders that no program reads. */
const UNUSED = ['doc', 'icons', 'locale', 'man'].map(folder => join('usr', 'share', folder))

/** The path of a program that is in the cache, or null. */
export function debianProgram(wanted: DebianPackages, program: string): string | null {
  const suite = suiteOf(wanted)
  if (suite === null) return null
  const path = join(folderOf(wanted, suite), 'run', program)
  return existsSync(path) ? path : null
}

/**
 * Unpacks Debian packages into the cache, once. It does not need root and does not change the
 * system.
 *
 * @returns the folder in place of /
 * @throws Unavailable without apt, without a mirror of the suite, or without a network
 */
export async function fetchDebianPackages(
  wanted: DebianPackages,
  log: (message: string) => void,
): Promise<string> {
  const suite = suiteOf(wanted)
  if (suite === null) throw new Unavailable('this machine does not run Debian')
  const make = async (unfinished: string) => {
    const { packages } = wanted
    const apt = join(unfinished, 'apt')
    const archives = await download(
      { suite, packages, dependencies: wanted.suite === 'own' },
      apt,
      log,
    )
    for (const archive of archives) await unpack(archive, unfinished)
    for (const path of [apt, ...UNUSED.map(path => join(unfinished, path))]) {
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
  if (suite === 'stable') return STABLE
  try {
    return /^VERSION_CODENAME="?(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? null
  } catch {
    return null
  }
}

/** Unpacks an archive, unless it belongs to the base system, which every machine has. */
async function unpack(archive: string, folder: string): Promise<void> {
  const { stdout } = await runCommand('dpkg-deb', ['--field', archive, 'Package', 'Priority'])
  // The C library must match the loader, and programs always use the loader of the machine.
  if (/^Package: libc6$|^Priority: (required|important)$/m.test(stdout)) return
  const { code, stderr } = await runCommand('dpkg-deb', ['--extract', archive, folder])
  if (code !== 0) throw new Unavailable(`a package could not be unpacked (${lastLine(stderr)})`)
}
