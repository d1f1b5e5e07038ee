import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createOnce } from './create-once.js'
import { cacheFolder } from './folders.js'
import { reportWhile } from './report-while.mjs'
import { runCommand, Unavailable, which } from './run-command.js'

/** A program that is built from one version of a Go module. */
export interface GoProgram {
  readonly module: string
  /** Such as `v1.2.3`. */
  readonly version: string
  /** Path of the main package in the module. Its last element is the name of the program. */
  readonly main: string
  readonly tags: readonly string[]
  /** Package-level string variables that are set by the linker, such as the version. */
  readonly variables: Readonly<Record<string, string>>
}

/** The path of a program that is in the cache, or null. */
export function builtGoProgram(wanted: GoProgram): string | null {
  const path = join(folderOf(wanted), basename(wanted.main))
  return existsSync(path) ? path : null
}

/**
 * Builds a Go program into the cache, once, with the Go and the module proxy of this machine.
 *
 * @throws Unavailable without Go, or if the build fails
 */
export async function buildGoProgram(
  wanted: GoProgram,
  log: (message: string) => void,
): Promise<void> {
  const go = which('go')
  if (go === null) throw new Unavailable('Go, which would build it, is missing')
  const { module, version, main, tags, variables } = wanted
  const flags = Object.entries(variables).map(([name, value]) => ` -X ${name}=${value}`)
  const args = [
    'install',
    `-tags=${tags.join(',')}`,
    `-ldflags=-s -w${flags.join('')}`,
    `${module}/${main}@${version}`,
  ]
  const build = async (unfinished: string) => {
    const name = basename(main)
    log(`building ${name} ${version} with Go (once, several minutes)`)
    // The Go of this machine, so that no other toolchain is downloaded.
    const env = { ...process.env, GOBIN: unfinished, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' }
    const { code, stderr } = await reportWhile(
      runCommand(go, args, { env, cwd: unfinished }),
      log,
      seconds => `building ${name}: ${seconds} s elapsed`,
    )
    if (code !== 0) throw new Unavailable(`Go could not build it (${firstError(stderr)})`)
  }
  await createOnce(folderOf(wanted), build, log)
}

/** It differs for each version and set of build flags. */
function folderOf(wanted: GoProgram): string {
  const hash = createHash('sha256').update(JSON.stringify(wanted)).digest('hex').slice(0, 12)
  return cacheFolder(`go-${basename(wanted.main)}-${wanted.version}-${hash}`)
}

const firstError = (stderr: string): string =>
  stderr
    .split('\n')
    .find(line => line && !line.startsWith('go: downloading '))
    ?.slice(0, 300) ?? 'no error message'
