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
