import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from './folders.js'
import { once } from './once.js'
import { type CommandResult, runCommand, Unavailable, which } from './run-command.js'

const SUITE = 'forky'
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Where Debian packages are or will be unpacked. */
export const debianFolder = (name: string): string => cacheFolder(`debian-${SUITE}-${name}`)

/**
 * Unpacks Debian packages into the cache, without being root and without touching the system: an apt root of its own,
 * with the mirror that this machine's apt uses already. Works for programs that bring all they need, as those written in
 * Go do.
 *
 * @returns the folder that stands for /
 * @throws Unavailable where there is no apt, no mirror that has the suite, or no network
 */
export function debianPackages(
  name: string,
  packages: readonly string[],
  log: (message: string) => void,
): Promise<string> {
  return once(
    debianFolder(name),
    async unfinished => {
      for (const tool of ['apt-get', 'dpkg-deb']) {
        if (!which(tool)) throw new Unavailable(`${tool} is missing, this is no Debian`)
      }
      log(`fetching ${packages.join(', ')} from Debian ${SUITE} (once)`)
      const archives = await download(packages, join(unfinished, 'apt'))
      for (const archive of archives) {
        const { code, stderr } = await runCommand('dpkg-deb', ['-x', archive, unfinished])
        if (code !== 0) throw new Unavailable(`a package could not be unpacked (${lastLine(stderr)})`)
      }
      rmSync(join(unfinished, 'apt'), { recursive: true })
    },
    log,
  )
}

async function download(packages: readonly string[], root: string): Promise<string[]> {
  let problem = 'no mirror is configured'
  for (const mirror of (await mirrors()).slice(0, 3)) {
    rmSync(root, { recursive: true, force: true })
    const options = aptRoot(root, mirror)
    const archives = join(root, 'archives')
    const steps: [string[], string][] = [
      [['update'], root],
      [['download', ...packages], archives],
    ]
    let result: CommandResult | null = null
    for (const [command, cwd] of steps) {
      result = await runCommand('apt-get', ['-qq', ...options, ...command], { cwd, timeoutMs: 120_000 })
      if (result.code !== 0) break
    }
    if (result?.code === 0) return readdirSync(archives).map(file => join(archives, file))
    problem = lastLine(result?.stderr ?? '')
  }
  throw new Unavailable(`apt could not fetch it (${problem})`)
}

/** The folders and files of a private apt, and the options that make apt-get use them. */
function aptRoot(root: string, mirror: string): string[] {
  for (const folder of ['lists/partial', 'cache/archives/partial', 'archives', 'empty']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  const signedBy = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : ''
  writeFileSync(join(root, 'sources.list'), `deb ${signedBy}${mirror} ${SUITE} main\n`)
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
    // Root would step down to a user who cannot write here.
    'APT::Sandbox::User=',
    'Debug::NoLocking=1',
    'Acquire::Languages=none',
  ].flatMap(option => ['-o', option])
}

/** The machine's own mirrors of its distribution, the likeliest first. */
async function mirrors(): Promise<string[]> {
  const format = ['--format', '$(SITE) $(ORIGIN)', 'Created-By: Packages']
  const { stdout } = await runCommand('apt-get', ['indextargets', ...format])
  const lines = stdout.split('\n').filter(Boolean)
  const sites = lines.length ? lines.map(line => line.split(' ')[0]) : configuredUris()
  const isDebian = (site: string) => (lines.includes(`${site} Debian`) || /\/debian\/?$/.test(site) ? 0 : 1)
  return [...new Set(sites)].filter(site => !/security/.test(site)).sort((a, b) => isDebian(a) - isDebian(b))
}

/** The URIs of one-line and deb822 sources, for an apt that does not list its targets. */
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

const lastLine = (text: string): string =>
  text.trim().split('\n').at(-1)?.slice(0, 300) || 'it does not say why'
