import { type ChildProcess, execFile, fork } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

export interface Program {
  readonly child: ChildProcess
  readonly messages: unknown[]
  /** Resolves when it has exited. */
  readonly gone: Promise<void>
  kill(): Promise<void>
}

/**
 * Compiles a program of `test/support/programs` with its imports, once, and runs it as child
 * processes.
 */
export class Programs {
  #folder: string | null = null

  /** @param nodeOptions such as `--max-old-space-size=256` */
  async start(
    file: string,
    args: readonly string[],
    nodeOptions: readonly string[] = [],
  ): Promise<Program> {
    this.#folder ??= await compile(join(root, 'test/support/programs', file))
    const compiled = join(this.#folder, 'test/support/programs', `${basename(file, '.ts')}.js`)
    const child = fork(compiled, [...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [...nodeOptions],
    })
    children.add(child)
    const messages: unknown[] = []
    child.on('message', message => messages.push(message))
    const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
    return {
      child,
      messages,
      gone,
      kill: async () => {
        child.kill('SIGKILL')
        await gone
        children.delete(child)
      },
    }
  }

  remove(): void {
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true })
    this.#folder = null
  }
}

async function compile(entry: string): Promise<string> {
  mkdirSync(join(root, '.local'), { recursive: true })
  // Inside the repository, so that node_modules is found.
  const folder = mkdtempSync(join(root, '.local/program-'))
  const options = [
    '--outDir',
    folder,
    '--rootDir',
    root,
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--types',
    'node',
  ]
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [
    tsc,
    entry,
    ...options,
    '--noCheck',
    '--ignoreConfig',
  ])
  // Modules that are plain JavaScript are not compiled.
  cpSync(join(root, 'shared'), join(folder, 'shared'), {
    recursive: true,
    filter: path => path.endsWith('.mjs') || statSync(path).isDirectory(),
  })
  return folder
}
