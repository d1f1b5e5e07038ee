import { execFile } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** An app in a folder of its own that has installed a package as from the registry: from its tarball, with npm. */
export class InstalledApp {
  private constructor(readonly folder: string) {}

  /** @param packageFolder where `npm pack` is run, from the root of the checkout */
  static async create(packageFolder: string): Promise<InstalledApp> {
    const app = new InstalledApp(mkdtempSync(join(tmpdir(), 'kafka-exposer-app-')))
    try {
      const packed = await app.npm(['pack', '--pack-destination', app.folder], join(root, packageFolder))
      const tarball = readdirSync(app.folder).find(file => file.endsWith('.tgz'))
      if (!tarball) throw new Error(`npm pack failed: ${packed.stderr}`)
      app.write('package.json', JSON.stringify({ name: 'app', private: true }))
      const options = ['--prefer-offline', '--omit=optional', '--no-audit', '--no-fund']
      const installed = await app.npm(['install', ...options, `./${tarball}`])
      if (installed.code !== 0) throw new Error(`npm install failed: ${installed.stderr}`)
      return app
    } catch (error) {
      app.remove()
      throw error
    }
  }

  write(file: string, text: string): void {
    const path = join(this.folder, file)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text)
  }

  /** Every package under node_modules, scoped and nested ones too. */
  packages(folder = 'node_modules'): string[] {
    const found: string[] = []
    for (const entry of readdirSync(join(this.folder, folder))) {
      if (entry.startsWith('.')) continue
      const path = `${folder}/${entry}`
      if (entry.startsWith('@')) {
        found.push(...this.packages(path).map(name => `${entry}/${name}`))
        continue
      }
      found.push(entry)
      if (readdirSync(join(this.folder, path)).includes('node_modules'))
        found.push(...this.packages(`${path}/node_modules`).map(name => `${entry} > ${name}`))
    }
    return found.sort()
  }

  /** Every file of an installed package, sorted. */
  filesOf(name: string): string[] {
    const folder = join(this.folder, 'node_modules', name)
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => relative(folder, join(entry.parentPath, entry.name)))
      .filter(file => !file.startsWith('node_modules/'))
      .sort()
  }

  /** Puts packages of the checkout where only what lies in `folder` finds them; the installed package does not. */
  borrow(folder: string, ...names: string[]): void {
    for (const name of names) {
      const link = join(this.folder, folder, 'node_modules', name)
      mkdirSync(join(link, '..'), { recursive: true })
      symlinkSync(join(root, 'node_modules', name), link, 'dir')
    }
  }

  node(args: readonly string[], environment: Record<string, string> = {}): Promise<Ran> {
    return run(process.execPath, args, this.folder, environment)
  }

  npm(args: readonly string[], cwd = this.folder): Promise<Ran> {
    const cli = process.env.npm_execpath
    if (cli?.endsWith('.js')) return run(process.execPath, [cli, ...args], cwd)
    return run('npm', args, cwd)
  }

  tsc(args: readonly string[]): Promise<Ran> {
    return run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...args], this.folder)
  }

  /**
   * Runs a module and returns the files of all scripts that it loaded, imported or required: the engine's own record of
   * what it compiled, so that nothing is put into the program.
   */
  async scriptsOf(file: string, args: readonly string[]): Promise<{ ran: Ran; scripts: string[] }> {
    const record = join(this.folder, 'coverage')
    // Node 22 remarks on each CommonJS module that requires an ES module.
    const quiet = '--disable-warning=ExperimentalWarning'
    const ran = await this.node([quiet, file, ...args], { NODE_V8_COVERAGE: record })
    const urls = new Set<string>()
    for (const report of readdirSync(record)) {
      const { result } = JSON.parse(readFileSync(join(record, report), 'utf8')) as {
        result: { url: string }[]
      }
      for (const { url } of result) urls.add(url)
    }
    rmSync(record, { recursive: true })
    const files = [...urls].filter(url => url.startsWith('file:')).map(url => fileURLToPath(url))
    return { ran, scripts: files.sort() }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  environment: Record<string, string> = {},
): Promise<Ran> {
  const options = { cwd, env: { ...process.env, ...environment }, timeout: 100_000, maxBuffer: 1e8 }
  try {
    return { code: 0, ...(await promisify(execFile)(command, args, options)) }
  } catch (error) {
    const { code, stdout, stderr, message } = error as Partial<Ran> & Error
    return { code: typeof code === 'number' ? code : -1, stdout: stdout ?? '', stderr: stderr || message }
  }
}
