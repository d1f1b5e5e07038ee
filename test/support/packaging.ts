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

export interface RunResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** An app in its own folder that has installed a package from its tarball with npm. */
export class InstalledApp {
  private constructor(readonly folder: string) {}

  /** @param packageFolder folder of the package, relative to the root of the checkout */
  static async create(packageFolder: string): Promise<InstalledApp> {
    const app = new InstalledApp(mkdtempSync(join(tmpdir(), 'kafka-exposer-app-')))
    try {
      const packed = await app.npm(
        ['pack', '--pack-destination', app.folder],
        join(root, packageFolder),
      )
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

  /** All packages under node_modules, including scoped and nested ones. */
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

  /** All files of an installed package, sorted. */
  filesOf(name: string): string[] {
    const folder = join(this.folder, 'node_modules', name)
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => relative(folder, join(entry.parentPath, entry.name)))
      .filter(file => !file.startsWith('node_modules/'))
      .sort()
  }

  /**
   * Links packages of the checkout so that code in `folder` finds them, but not the installed
   * package.
   */
  borrow(folder: string, ...names: string[]): void {
    for (const name of names) {
      const link = join(this.folder, folder, 'node_modules', name)
      mkdirSync(join(link, '..'), { recursive: true })
      symlinkSync(join(root, 'node_modules', name), link, 'dir')
    }
  }

  node(args: readonly string[], environment: Record<string, string> = {}): Promise<RunResult> {
    return run(process.execPath, args, this.folder, environment)
  }

  npm(args: readonly string[], cwd = this.folder): Promise<RunResult> {
    const cli = process.env.npm_execpath
    if (cli?.endsWith('.js')) return run(process.execPath, [cli, ...args], cwd)
    return run('npm', args, cwd)
  }

  tsc(args: readonly string[]): Promise<RunResult> {
    return run(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), ...args],
      this.folder,
    )
  }

  /**
   * Runs a module and returns the files of all scripts that it has loaded. The list is from the
   * coverage report of V8, so that the program runs unmodified.
   */
  async scriptsOf(
    file: string,
    args: readonly string[],
  ): Promise<{ ran: RunResult; scripts: string[] }> {
    const coverage = join(this.folder, 'coverage')
    // Node.js 22 prints a warning for each CommonJS module that requires an ES module.
    const quiet = '--disable-warning=ExperimentalWarning'
    const ran = await this.node([quiet, file, ...args], { NODE_V8_COVERAGE: coverage })
    const urls = new Set<string>()
    for (const report of readdirSync(coverage)) {
      const { result } = JSON.parse(readFileSync(join(coverage, report), 'utf8')) as {
        result: { url: string }[]
      }
      for (const { url } of result) urls.add(url)
    }
    rmSync(coverage, { recursive: true })
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
): Promise<RunResult> {
  const options = { cwd, env: { ...process.env, ...environment }, timeout: 100_000, maxBuffer: 1e8 }
  try {
    return { code: 0, ...(await promisify(execFile)(command, args, options)) }
  } catch (error) {
    const { code, stdout, stderr, message } = error as Partial<RunResult> & Error
    return {
      code: typeof code === 'number' ? code : -1,
      stdout: stdout ?? '',
      stderr: stderr || message,
    }
  }
}
