import type { Discovery } from './discovery.js'
import type { TargetGroup } from './target-group.js'

/** The last groups of the discoveries of a job. */
export interface LastGroups {
  /** By mechanism and source; without those that are not known. */
  readonly byDiscovery: ReadonlyMap<string, readonly TargetGroup[]>
  /** Of discoveries that the configuration does not have any more, and whose successors fail. */
  readonly others: readonly TargetGroup[]
}

/**
 * The groups of a job whose configuration has changed: a discovery that has not succeeded yet has
 * the groups that it found with the configuration before. So the new configuration is in effect for
 * them, whatever the discovery does.
 */
export class InheritedGroups {
  readonly #known = new Map<Discovery, readonly TargetGroup[]>()
  #others: readonly TargetGroup[]
  readonly #hasPredecessor: boolean

  constructor(
    private readonly discoveries: readonly Discovery[],
    before: LastGroups | undefined,
  ) {
    const rest = new Map(before?.byDiscovery)
    for (const discovery of discoveries) {
      const groups = rest.get(keyOf(discovery))
      if (groups) this.#known.set(discovery, groups)
      rest.delete(keyOf(discovery))
    }
    this.#others = [...rest.values()].flat().concat(before?.others ?? [])
    this.#hasPredecessor = before !== undefined
  }

  /**
   * All groups. A discovery that fails and was not there before keeps those that have left the
   * configuration: its URL or file may have been renamed.
   *
   * @returns undefined if targets of the predecessor could seem to have left
   */
  groups(): TargetGroup[] | undefined {
    const unknown = this.discoveries.filter(discovery => !this.#last(discovery))
    const unanswered = unknown.filter(({ problems }) => problems.length === 0)
    if (this.#hasPredecessor && unanswered.length > 0) return undefined
    if (unknown.length === 0) this.#others = []
    return [...this.discoveries.flatMap(found => this.#last(found) ?? []), ...this.#others]
  }

  lastGroups(): LastGroups {
    const known = this.discoveries.flatMap(discovery => {
      const groups = this.#last(discovery)
      return groups ? [[keyOf(discovery), groups] as const] : []
    })
    return { byDiscovery: new Map(known), others: this.#others }
  }

  #last(discovery: Discovery): readonly TargetGroup[] | undefined {
    if (discovery.groups) this.#known.delete(discovery)
    return discovery.groups ?? this.#known.get(discovery)
  }
}

const keyOf = ({ mechanism, source }: Discovery) => `${mechanism} ${source}`
