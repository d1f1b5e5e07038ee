import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { reportWhile } from '../report-while.mjs'
import { type CommandResult, runCommand, Unavailable, which } from '../run-command.js'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const UPDATE_WITHIN_MS = 120_000
const DOWNLOAD_WITHIN_MS = 1_800_000
const MEGABYTE = 1e6

export interface Download {
  readonly suite: string
  readonly packages: readonly string[]
  /** Whether the dependencies of the packages are downloaded too. */
  readonly dependencies: boolean
}

/**
 * Downloads packages with a private apt configuration that uses the mirrors of this machine. It
 * does not need root and writes only to `root`.
 *
 * @returns the paths of the archives
 * @throws Unavailable without apt, without a mirror of the suite, or without a network
 */
export async function download(
  { suite, packages, dependencies }: Download,
  root: string,
  log: (message: string) => void,
): Promise<string[]> {
  if (!which('apt-get') || !which('dpkg-deb'))
    throw new Unavailable('this machine does not run Debian')
  const names = packages.join(', ')
  log(`fetching ${names} from Debian ${suite} (once)`)
  let problem = 'no mirror is configured'
  for (const mirror of (await mirrors()).slice(0, 3)) {
    rmSync(root, { recursive: true, force: true })
    const archives = join(root, 'cache', 'archives')
    const options = ['-qq', ...aptRoot(root, mirror, suite)]
    const get = (command: readonly string[], timeoutMs: number): Promise<CommandResult> =>
      runCommand('apt-get', [...options, ...command], { cwd: archives, timeoutMs })
    const fetching = dependencies
      ? ['install', '--yes', '--no-install-recommends', '--download-only', ...packages]
      : ['download', ...packages]
    let result = await get(['update'], UPDATE_WITHIN_MS)
    if (result.code === 0) result = await get([...fetching, '--print-uris'], UPDATE_WITHIN_MS)
    const total = megabytes(sizesOf(result.stdout))
    if (result.code === 0) {
      result = await reportWhile(get(fetching, DOWNLOAD_WITHIN_MS), log, () => {
        return `fetching ${names}: ${Math.floor(bytesIn(archives) / MEGABYTE)} of ${total} MB`
      })
    }
    if (result.code === 0) {
      return readdirSync(archives)
        .filter(file => file.endsWith('.deb'))
        .map(file => join(archives, file))
    }
    problem = lastLine(result.stderr)
  }
  throw new Unavailable(`apt could not fetch ${names} (${problem})`)
}

const megabytes = (bytes: number): number => Math.ceil(bytes / MEGABYTE)

/**
 * The total size of the files that `apt-get --print-uris` lists, bytes. A line is: 'uri' file size
 * hash
 */
const sizesOf = (uris: string): number =>
  uris.split('\n').reduce((sum, line) => sum + (Number(line.split(' ')[2]) || 0), 0)

const bytesIn = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).reduce(
    (sum, file) => sum + (statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )

/** Creates the folders and files of a private apt. @returns the options of apt-get */
function aptRoot(root: string, mirror: string, suite: string): string[] {
  for (const folder of ['lists/partial', 'cache/archives/partial', 'empty']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  const signedBy = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : ''
  writeFileSync(join(root, 'sources.list'), `deb ${signedBy}${mirror} ${suite} main\n`)
  // An empty status file: every dependency is downloaded, whatever is installed on this machine.
  writeFileSync(join(root, 'status'), '')
  writeFileSync(join(root, 'preferences'), '')
  return [
    `Dir::Etc::sourcelist=${join(root, 'sources.list')}`,
    `Dir::Etc::sourceparts=${join(root, 'empty')}`,
    `Dir::Etc::preferences=${join(root, 'preferences')}`,
    `Dir::Etc::preferencesparts=${join(root, 'empty')}`,
    `Dir::State::lists=${join(root, 'lists')}`,
    `Dir::State::status=${join(root, 'status')}`,
    `Dir::Cache=${join(root, 'cache')}`,
    // As root, apt would switch to a user who cannot write to this folder.
    'APT::Sandbox::User=',
    'Debug::NoLocking=1',
    'Acquire::Languages=none',
  ].flatMap(option => ['-o', option])
}

/** The configured mirrors of this machine, those of Debian first. */
async function mirrors(): Promise<string[]> {
  const format = ['--format', '$(SITE) $(ORIGIN)', 'Created-By: Packages']
  const { stdout } = await runCommand('apt-get', ['indextargets', ...format])
  const lines = stdout.split('\n').filter(Boolean)
  const sites = lines.length ? lines.map(line => line.split(' ')[0]) : configuredUris()
  const rank = (site: string) =>
    lines.includes(`${site} Debian`) || /\/debian\/?$/.test(site) ? 0 : 1
  return [...new Set(sites)]
    .filter(site => !/security/.test(site))
    .sort((a, b) => rank(a) - rank(b))
}

/** The URIs of one-line and deb822 sources, for versions of apt without `indextargets`. */
function configuredUris(): string[] {
  const folder = '/etc/apt'
  const parts = join(folder, 'sources.list.d')
  const files = [join(folder, 'sources.list')]
  if (existsSync(parts)) files.push(...readdirSync(parts).map(file => join(parts, file)))
  return files
    .filter(file => /\.(list|sources)$/.test(file) && existsSync(file))
    .flatMap(file => readFileSync(file, 'utf8').split('\n'))
    .flatMap(line => {
      const deb822 = /^URIs:\s*(.+)$/i.exec(line)
      if (deb822) return deb822[1].trim().split(/\s+/)
      const oneLine = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/.exec(line)
      return oneLine ? [oneLine[1]] : []
    })
}

export const lastLine = (text: string): string =>
  text.trim().split('\n').at(-1)?.slice(0, 300) || 'no error message'
