import { isFloatText } from '../../metrics/float-text.js'
import { openMetricsFloat } from '../../metrics/go-float.js'
import type { Family, Label } from '../../metrics/model.js'
import { numberOfText } from '../../metrics/text/numbers.js'

/** `le` and `quantile` labels. A shared label object is parsed once. */
export class NumberLabels {
  readonly #numbers = new Map<Label, number | undefined>()
  readonly #stored = new Map<Label, Label>()

  isNumber(label: Label): boolean {
    return this.#numberOf(label) !== undefined
  }

  /**
   * Labels of a histogram or summary without a type in the record: numbers are spelled as
   * Prometheus 3 stores them.
   */
  stored({ type }: Family, labels: readonly Label[]): readonly Label[] {
    const name = type === 'summary' ? 'quantile' : 'le'
    return labels.map(label => (label.name === name ? this.#storedLabel(label) : label))
  }

  #storedLabel(label: Label): Label {
    let stored = this.#stored.get(label)
    if (!stored) {
      const number = this.#numberOf(label)
      stored = number === undefined ? label : { name: label.name, value: openMetricsFloat(number) }
      this.#stored.set(label, stored)
    }
    return stored
  }

  #numberOf(label: Label): number | undefined {
    if (!this.#numbers.has(label)) this.#numbers.set(label, numberOf(label.value))
    return this.#numbers.get(label)
  }
}

/** Undefined if Prometheus does not parse it as a number, also beyond the largest double. */
const numberOf = (text: string): number | undefined =>
  isFloatText(text) ? numberOfText(text) : undefined
