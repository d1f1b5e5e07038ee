import type { Label } from '../metrics/model.js'
import { type LabelMap, relabel } from '../metrics/relabel/relabel.js'
import type { Rule } from '../metrics/relabel/rule.js'

/**
 * The rules `write_relabel_configs` of a receiver.
 *
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#remote_write
 */
export class Relabelling {
  readonly #readLabels = new Set<string>()
  readonly #readsAll: boolean

  constructor(private readonly rules: readonly Rule[]) {
    for (const { action, sourceLabels, targetLabel } of rules) {
      for (const name of sourceLabels) this.#readLabels.add(name)
      if (action === 'keepequal' || action === 'dropequal') this.#readLabels.add(targetLabel)
    }
    // It copies a value to another name, by which a rule may read it.
    this.#readsAll = rules.some(({ action }) => action === 'labelmap')
  }

  /**
   * Applies the rules to the labels of a series, in place.
   *
   * @returns whether the series is sent; one without a name is not, because receivers refuse it
   */
  apply(labels: LabelMap): boolean {
    const isKept = relabel(labels, this.rules)
    // The replacement of a labelmap may be empty.
    labels.delete('')
    return isKept && labels.has('__name__')
  }

  /** Whether the value of a label may change what the rules do; otherwise only its name does. */
  reads(name: string): boolean {
    return this.#readsAll || this.#readLabels.has(name)
  }

  /** Equal for targets whose series are relabelled in the same way. */
  keyOf(target: readonly Label[]): string {
    return JSON.stringify(
      target.map(({ name, value }) => (this.reads(name) ? [name, value] : [name])),
    )
  }
}

/** Characters of names and values after which relabelling has taken a step: a millisecond. */
const STEP_CHARACTERS = 8 * 1024
/** What a series costs besides its characters, in characters. */
const SERIES_CHARACTERS = 800

/** Measures the work of relabelling, which depends on the length of the labels. */
export class RelabelWork {
  #characters = 0

  /** @returns whether a step ends with this series */
  add(characters: number): boolean {
    this.#characters += SERIES_CHARACTERS + characters
    if (this.#characters < STEP_CHARACTERS) return false
    this.#characters = 0
    return true
  }
}
