import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const context = fileURLToPath(new URL('../..', import.meta.url))

interface Stage {
  readonly name: string
  /** Folder in place of / of the stage. */
  readonly root: string
  /** Working folder of the instructions, below `root`. */
  folder: string
  readonly env: Record<string, string>
  entrypoint: readonly string[]
  command: readonly string[]
  user: string
}

/**
 * Builds the image of the Dockerfile without Docker, in folders of this machine. Each stage has a
 * folder, which contains the files of COPY and the results of RUN. Only the instructions of the
 * Dockerfile are supported; any other one is an error.
 */
export class Image {
  readonly #folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-image-'))
  readonly #stages: Stage[] = []

  static async build(): Promise<Image> {
    const image = new Image()
    try {
      chmodSync(image.#folder, 0o755)
      const text = readFileSync(join(context, 'Dockerfile'), 'utf8').replaceAll('\\\n', '')
      for (const line of text.split('\n')) {
        if (line && !line.startsWith('#')) await image.#instruction(line)
      }
      return image
    } catch (error) {
      image.remove()
      throw error
    }
  }

  /** The working folder of the image. */
  get folder(): string {
    return this.#last.folder
  }

  get user(): string {
    return this.#last.user
  }

  /** The environment of programs in the image: that of the image and the PATH of this machine. */
  get env(): NodeJS.ProcessEnv {
    return { PATH: process.env.PATH, ...this.#last.env }
  }

  /**
   * The command line of `docker run`: the entry point with a command, by default that of the image.
   */
  commandLine(command: readonly string[] = this.#last.command): string[] {
    return [...this.#last.entrypoint, ...command].map((word, i) =>
      i === 0 && word === 'node' ? process.execPath : word,
    )
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  get #last(): Stage {
    return this.#stages.at(-1)!
  }

  async #instruction(line: string): Promise<void> {
    const [, instruction, rest] = /^(\S+) +(.*)$/.exec(line)!
    const stage = this.#last
    switch (instruction) {
      case 'FROM':
        this.#begin(/ AS (\S+)$/.exec(rest)?.[1] ?? '')
        break
      case 'WORKDIR':
        stage.folder = join(stage.root, rest)
        mkdirSync(stage.folder, { recursive: true })
        break
      case 'ENV':
        stage.env[rest.split('=')[0]] = rest.slice(rest.indexOf('=') + 1)
        break
      case 'COPY':
        this.#copy(rest.split(/ +/))
        break
      case 'RUN': {
        const env = { ...process.env, npm_config_prefer_offline: 'true', ...stage.env }
        await promisify(execFile)('sh', ['-c', rest], { cwd: stage.folder, env, maxBuffer: 1e8 })
        break
      }
      case 'USER':
        stage.user = rest
        break
      case 'ENTRYPOINT':
        stage.entrypoint = JSON.parse(rest)
        break
      case 'CMD':
        stage.command = JSON.parse(rest)
        break
      case 'EXPOSE':
        break
      default:
        throw new Error(`unsupported instruction in the Dockerfile: ${line}`)
    }
  }

  #begin(name: string): void {
    const root = join(this.#folder, String(this.#stages.length))
    mkdirSync(root)
    this.#stages.push({
      name,
      root,
      folder: root,
      env: {},
      entrypoint: [],
      command: [],
      user: 'root',
    })
  }

  #copy(words: readonly string[]): void {
    const from = /^--from=(.*)$/.exec(words[0])?.[1]
    const paths = from === undefined ? words : words.slice(1)
    const source =
      from === undefined ? context : this.#stages.find(({ name }) => name === from)!.root
    const target = paths.at(-1)!
    for (const path of paths.slice(0, -1)) {
      const found = join(source, path)
      if (!existsSync(found)) throw new Error(`COPY ${path}: no such file`)
      // COPY copies a file into the target folder, but the content of a folder to the target
      // itself.
      const intoFolder = statSync(found).isFile() && (target.endsWith('/') || paths.length > 2)
      const to = join(this.#last.folder, target, intoFolder ? basename(path) : '')
      const filter =
        from === undefined ? (file: string) => !isIgnored(relative(context, file)) : undefined
      cpSync(found, to, { recursive: true, filter })
    }
  }
}

const ignored = new Set(
  readFileSync(join(context, '.dockerignore'), 'utf8').split('\n').filter(Boolean),
)
for (const pattern of ignored) {
  if (/[*?!\\[]/.test(pattern)) throw new Error(`unsupported pattern in .dockerignore: ${pattern}`)
}

/** Whether .dockerignore contains the path or one of its parent folders. */
function isIgnored(path: string): boolean {
  const parts = path.split('/')
  return parts.some((_, i) => ignored.has(parts.slice(0, i + 1).join('/')))
}
