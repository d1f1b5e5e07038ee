import type { ServerResponse } from 'node:http'
import type { Clock } from '../../shared/base/clock.js'
import { mapInSlices, sortInSlices } from '../../shared/base/slices.js'
import { Refusal } from '../../shared/http/refusal.js'
import type { Shard } from '../core/shard.js'
import type { Target } from '../core/target.js'

/** Estimated bytes of a line besides its text, with its entries in the lists that are merged. */
const LINE_BYTES = 48
/** A response that has held a list for so long gives way to others, ms. */
const SLOW_MS = 3000

const bytesOf = (line: string) => LINE_BYTES + line.length

type Lines = readonly string[]

const sizeOf = (lines: Lines) => lines.reduce((sum, line) => sum + bytesOf(line), 0)

/** A list in memory, and for whom. */
interface Held {
  readonly bytes: number
  /** Monotonic ms. */
  readonly since: number
  readonly responses: Set<ServerResponse>
  /** Called when it is not cached any longer; null if it is not cached. */
  uncache: (() => void) | null
}

export interface ListMemoryOptions {
  readonly shard: Shard
  readonly clock: Clock
  /** Ends a response whose client reads too slowly. */
  readonly cut: (response: ServerResponse) => void
}

/**
 * The memory of lists of targets: while they are rendered, while they are cached, and as long as a
 * response sends them. A client that reads slowly would otherwise retain the list of its second,
 * and each client another one.
 *
 * Lists that nobody needs now, and those of slow clients, give way to other lists and to scrapes.
 */
export class ListMemory {
  /** In order of arrival. */
  readonly #held = new Map<Lines, Held>()

  constructor(private readonly options: ListMemoryOptions) {
    options.shard.store.memory.onResponseNeed(enough => this.#giveWay(enough))
  }

  /**
   * Renders lines for all targets, in slices.
   *
   * @param more lines to add
   * @returns the sorted lines
   * @throws Refusal 503 when there is no memory for all lines
   */
  async render(of: (target: Target) => Lines, more: Lines = []): Promise<Lines> {
    const { reserve, end } = this.reservation()
    try {
      const lines = [...more]
      await mapInSlices(this.options.shard.targets(), target => {
        const own = of(target)
        if (!reserve(own)) throw this.#noRoom()
        lines.push(...own)
      })
      return await sortInSlices(lines)
    } finally {
      end()
    }
  }

  /** Memory for lines of a list that is not complete yet. */
  reservation() {
    let bytes = 0
    return {
      /** @returns false if there is no memory for these lines */
      reserve: (lines: Lines): boolean => {
        const added = sizeOf(lines)
        if (!this.#makeRoom(added)) return false
        this.#count(added)
        bytes += added
        return true
      },
      end: () => this.#count(-bytes),
    }
  }

  /**
   * Counts a list as long as a response needs it.
   *
   * @throws Refusal 503 when there is no memory for it
   */
  send(lines: Lines, response: ServerResponse): void {
    if (response.closed || response.destroyed) return
    const held = this.#hold(lines)
    if (!held) throw this.#noRoom()
    held.responses.add(response)
    response.once('close', () => {
      if (held.responses.delete(response)) this.#releaseUnused(lines, held)
    })
  }

  /**
   * Counts a list that is cached.
   *
   * @param drop called when it must not be cached any longer, once
   * @returns whether there is memory for it
   */
  cache(lines: Lines, drop: () => void): boolean {
    const held = this.#hold(lines)
    if (!held) return false
    held.uncache = drop
    return true
  }

  /** The list is not cached any longer. */
  uncache(lines: Lines): void {
    const held = this.#held.get(lines)
    if (!held?.uncache) return
    held.uncache()
    held.uncache = null
    this.#releaseUnused(lines, held)
  }

  #hold(lines: Lines): Held | undefined {
    const known = this.#held.get(lines)
    if (known) return known
    const bytes = sizeOf(lines)
    if (!this.#makeRoom(bytes)) return undefined
    const since = this.options.clock.now().mono
    const held: Held = { bytes, since, responses: new Set(), uncache: null }
    this.#held.set(lines, held)
    this.#count(bytes)
    return held
  }

  #releaseUnused(lines: Lines, { bytes, responses, uncache }: Held): void {
    if (responses.size > 0 || uncache) return
    this.#held.delete(lines)
    this.#count(-bytes)
  }

  #count(bytes: number): void {
    this.options.shard.store.memory.addResponse('lists', bytes)
  }

  #makeRoom(bytes: number): boolean {
    return this.options.shard.store.memory.makeRoomForResponse(bytes)
  }

  #giveWay(enough: () => boolean): void {
    for (const [lines, { responses }] of this.#held) {
      if (enough()) return
      if (responses.size === 0) this.uncache(lines)
    }
    const { clock, cut } = this.options
    const before = clock.now().mono - SLOW_MS
    for (const [lines, held] of this.#held) {
      if (enough() || held.since > before) return
      for (const response of held.responses) cut(response)
      held.responses.clear()
      this.uncache(lines)
      this.#releaseUnused(lines, held)
    }
  }

  #noRoom(): Refusal {
    const { shard } = this.options
    return new Refusal(
      503,
      `no memory is left for a list of ${shard.targetCount} targets: ${shard.store.memory.describe()}; add shards, or raise --memory.limit`,
      { 'Retry-After': '1' },
    )
  }
}
