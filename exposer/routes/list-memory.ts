import { mapInSlices } from '../../shared/base/slices.js'
import { Refusal } from '../../shared/http/refusal.js'
import type { Memory } from '../core/store/memory.js'
import type { Target } from '../core/target.js'
import type { Services } from './services.js'

/** Estimated bytes of a line besides its text, with its entries in the lists that are merged. */
const LINE_BYTES = 48

const bytesOf = (line: string) => LINE_BYTES + line.length

/**
 * Renders lines for all targets, in slices.
 *
 * @throws Refusal 503 when there is no memory for all lines
 */
export async function linesOfTargets(
  { shard }: Pick<Services, 'shard'>,
  render: (target: Target) => readonly string[],
): Promise<string[]> {
  const { memory } = shard.store
  let bytes = 0
  const lines = await mapInSlices(shard.targets(), target => {
    const own = render(target)
    for (const line of own) bytes += bytesOf(line)
    if (memory.fitsResponse(bytes)) return own
    throw new Refusal(
      503,
      `no memory is left for a list of ${shard.targetCount} targets: ${memory.describe()}; add shards, or raise --memory.limit`,
    )
  })
  return lines.flat()
}

/** The memory of one list that is cached for a short time. */
export class ListMemory {
  #bytes = 0
  #expiry: NodeJS.Timeout | undefined

  constructor(private readonly memory: Memory) {}

  /**
   * Counts the lines of a list, which replaces the previous one.
   *
   * @param drop called after `ms`: the list must not be kept longer
   * @returns whether the list may be kept; without memory for it nothing is counted
   */
  keep(lines: readonly string[], ms: number, drop: () => void): boolean {
    this.#release()
    const bytes = lines.reduce((sum, line) => sum + bytesOf(line), 0)
    if (!this.memory.fitsResponse(bytes)) return false
    this.#bytes = bytes
    this.memory.addResponse('lists', bytes)
    this.#expiry = setTimeout(() => {
      this.#release()
      drop()
    }, ms).unref()
    return true
  }

  #release(): void {
    clearTimeout(this.#expiry)
    this.memory.addResponse('lists', -this.#bytes)
    this.#bytes = 0
  }
}
