import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { runInSlices, type Steps } from '../../../shared/base/steps.js'
import { YamlError } from '../../../shared/base/yaml/document.mjs'
import type { YamlThread } from '../../../shared/base/yaml/thread.js'
import { readYamlSteps } from '../config/read-yaml.js'
import { findFiles, isMissing } from '../glob.js'
import type { Discovery, RefreshCounts } from './discovery.js'
import { parseGroupsSteps } from './parse-groups.js'
import { checkSizeSteps, readTargetGroupsSteps, type TargetGroup } from './target-group.js'

/** Files are checked for changes at this interval, ms. */
const CHECK_INTERVAL_MS = 1000
const MAX_FILES = 1000
/** Problems that are told. */
const MAX_PROBLEMS = 10

export interface FileDiscoveryOptions {
  /** Patterns of paths. */
  readonly files: readonly string[]
  /** To which relative paths refer. */
  readonly folder: string
  /** Maximum size of a file, bytes. */
  readonly maxBytes: number
  readonly yaml: YamlThread
  readonly counts: RefreshCounts
}

interface KnownFile {
  readonly stamp: string
  readonly groups: readonly TargetGroup[]
  /** Why it cannot be used; the groups are then those of before. */
  readonly problem?: string
}

/** What a pattern matches. */
interface Listing {
  readonly paths: readonly string[]
  /** The folder cannot be read: its files are as they were. */
  readonly problem?: string
}

/**
 * Finds the targets in JSON and YAML files, and reads a file again when it has changed. The targets
 * of a file that became invalid, or cannot be read, stay as they were.
 */
export class FileDiscovery implements Discovery {
  readonly mechanism = 'file'
  readonly source: string
  groups: readonly TargetGroup[] | undefined
  problems: readonly string[] = []
  failures = 0
  #files = new Map<string, KnownFile>()
  #sizeProblem: string | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(private readonly options: FileDiscoveryOptions) {
    const { files, folder } = options
    this.source = files.map(pattern => resolve(folder, pattern)).join()
  }

  start(onChange: () => void): void {
    const check = async () => {
      const isFirst = this.groups === undefined
      const changed = await this.#refresh()
      if (this.#isStopped) return
      if (changed || isFirst) onChange()
      this.#timer = setTimeout(() => void check(), CHECK_INTERVAL_MS).unref()
    }
    void check()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** @returns whether groups or problems have changed */
  async #refresh(): Promise<boolean> {
    const { files: patterns, folder } = this.options
    const listings = await Promise.all(
      patterns.map(pattern => this.#list(resolve(folder, pattern))),
    )
    const paths = [...new Set(listings.flatMap(listing => listing.paths))]
    const files = new Map<string, KnownFile>()
    let changed = false
    for (const path of paths.slice(0, MAX_FILES)) {
      if (this.#isStopped) return false
      const known = this.#files.get(path)
      const file = await this.#check(path, known)
      if (!file) continue
      files.set(path, file)
      changed ||= file !== known && (file.problem === undefined || file.problem !== known?.problem)
    }
    changed ||= files.size !== this.#files.size
    this.#files = files
    if (changed || !this.groups) await this.#regroup()
    const problems = shown([
      ...listings.flatMap(({ problem }) => problem ?? []),
      ...[...files.values()].flatMap(({ problem }) => problem ?? []),
      ...(paths.length > MAX_FILES ? [`${patterns}: more than ${MAX_FILES} files`] : []),
      ...(this.#sizeProblem === undefined ? [] : [`${patterns}: ${this.#sizeProblem}`]),
    ])
    const told = changed || problems.join() !== this.problems.join()
    this.problems = problems
    return told
  }

  /** The groups of all files together; too many leave those of before. */
  async #regroup(): Promise<void> {
    const groups = [...this.#files.values()].flatMap(file => file.groups)
    this.options.counts.refreshes++
    try {
      await runInSlices(checkSizeSteps(groups))
      this.groups = groups
      this.#sizeProblem = undefined
    } catch (error) {
      this.#fail()
      this.#sizeProblem = reasonOf(error)
    }
  }

  #fail(): void {
    this.failures++
    this.options.counts.failures++
  }

  async #list(pattern: string): Promise<Listing> {
    try {
      return { paths: await findFiles(pattern) }
    } catch (error) {
      this.#fail()
      const folder = dirname(pattern)
      const paths = [...this.#files.keys()].filter(path => dirname(path) === folder)
      return { paths, problem: reasonOf(error) }
    }
  }

  /** @returns undefined if there is no such file, which has no targets */
  async #check(path: string, known: KnownFile | undefined): Promise<KnownFile | undefined> {
    let stamp = ''
    try {
      const { mtimeNs, ctimeNs, size, ino } = await stat(path, { bigint: true })
      stamp = `${mtimeNs}/${ctimeNs}/${size}/${ino}`
      if (known?.stamp === stamp) return known
      return { stamp, groups: await this.#read(path) }
    } catch (error) {
      if (isMissing(error)) return undefined
      this.#fail()
      const problem = `${path}: ${reasonOf(error)}`
      // What the system refuses may succeed the next time, without a change of the file.
      const isFinal = (error as NodeJS.ErrnoException).code === undefined
      return { stamp: isFinal ? stamp : '', groups: known?.groups ?? [], problem }
    }
  }

  async #read(path: string): Promise<TargetGroup[]> {
    const { maxBytes, yaml } = this.options
    const file = await stat(path)
    // Reading a pipe would wait for its writer.
    if (!file.isFile()) throw new Error('is not a regular file')
    if (file.size > maxBytes)
      throw new Error(`the file is longer than ${maxBytes} bytes: see --limit.discovery-bytes`)
    const content = await readFile(path)
    const meta = { __meta_filepath: path }
    if (path.toLowerCase().endsWith('.json'))
      return runInSlices(parseGroupsSteps(content, path, meta))
    return runInSlices(yamlGroupsSteps(content, yaml, path, meta))
  }
}

function* yamlGroupsSteps(
  content: Buffer,
  yaml: YamlThread,
  path: string,
  meta: Readonly<Record<string, string>>,
): Steps<TargetGroup[]> {
  const value = (yield* readYamlSteps(content, yaml)) ?? []
  return yield* readTargetGroupsSteps(value, path, meta)
}

const shown = (problems: readonly string[]): string[] =>
  problems.length > MAX_PROBLEMS
    ? [...problems.slice(0, MAX_PROBLEMS), `${problems.length - MAX_PROBLEMS} other problems`]
    : [...problems]

function reasonOf(error: unknown): string {
  const { message } = error as Error
  return error instanceof YamlError ? error.problems[0] : message.split('\n', 1)[0]
}
