import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readYaml } from '../config/read-yaml.js'
import { filesOf } from '../glob.js'
import type { Discovery } from './discovery.js'
import { checkSize, readTargetGroups, type TargetGroup } from './target-group.js'

/** Files are checked for changes at this interval, ms. */
const CHECK_INTERVAL_MS = 1000
const MAX_FILE_BYTES = 64 * 1024 * 1024
const MAX_FILES = 1000

interface ReadFile {
  readonly stamp: string
  readonly groups: readonly TargetGroup[]
  /** Why it cannot be used; the groups are then those of before. */
  readonly problem?: string
}

/**
 * Finds the targets in JSON and YAML files, and reads a file again when it has changed. The targets
 * of a file that became invalid stay as they were.
 */
export class FileDiscovery implements Discovery {
  groups: readonly TargetGroup[] | undefined
  problem: string | undefined
  failures = 0
  #files = new Map<string, ReadFile>()
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  /**
   * @param patterns of paths
   * @param folder to which relative paths refer
   */
  constructor(
    private readonly patterns: readonly string[],
    private readonly folder: string,
  ) {}

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

  /** @returns whether groups or problem have changed */
  async #refresh(): Promise<boolean> {
    const paths = this.patterns.flatMap(pattern => filesOf(resolve(this.folder, pattern)))
    const files = new Map<string, ReadFile>()
    const problems: string[] = []
    let changed = false
    for (const path of paths.slice(0, MAX_FILES)) {
      const known = this.#files.get(path)
      const stamp = await stampOf(path)
      // A file that is missing has no targets.
      if (stamp === undefined) continue
      if (known?.stamp === stamp) {
        files.set(path, known)
        continue
      }
      try {
        files.set(path, { stamp, groups: await readGroups(path) })
        changed = true
      } catch (error) {
        this.failures++
        const problem = `${path}: ${reasonOf(error)}`
        changed ||= known?.problem !== problem
        // What the system refuses may succeed the next time, without a change of the file.
        const isFinal = (error as NodeJS.ErrnoException).code === undefined
        files.set(path, { stamp: isFinal ? stamp : '', groups: known?.groups ?? [], problem })
      }
    }
    changed ||= files.size !== this.#files.size
    for (const { problem } of files.values()) if (problem !== undefined) problems.push(problem)
    if (paths.length > MAX_FILES) problems.push(`more than ${MAX_FILES} files`)
    const groups = [...files.values()].flatMap(file => file.groups)
    this.#files = files
    if (!changed && this.groups !== undefined) return false
    try {
      checkSize(groups)
      this.groups = groups
    } catch (error) {
      problems.push(reasonOf(error))
    }
    this.problem = problems[0]
    return changed
  }
}

async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { mtimeNs, ctimeNs, size, ino } = await stat(path, { bigint: true })
    return `${mtimeNs}/${ctimeNs}/${size}/${ino}`
  } catch {
    return undefined
  }
}

async function readGroups(path: string): Promise<TargetGroup[]> {
  const file = await stat(path)
  // Reading a pipe would wait for its writer.
  if (!file.isFile()) throw new Error('is not a regular file')
  if (file.size > MAX_FILE_BYTES) throw new Error('the file is longer than 64 MiB')
  const text = await readFile(path, 'utf8')
  const isJson = path.toLowerCase().endsWith('.json')
  const value: unknown = isJson ? JSON.parse(text) : readYaml(text)
  return readTargetGroups(value ?? []).map(({ targets, labels }, i) => ({
    targets,
    labels: { ...labels, __meta_filepath: path },
    source: `${path}:${i}`,
  }))
}

const reasonOf = (error: unknown) => (error as Error).message.split('\n', 1)[0]
