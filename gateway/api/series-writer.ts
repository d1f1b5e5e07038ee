import { escapeValue, isLegacyMetricName } from '../../shared/exposition/escape.js'
import { labelText, latin1 } from '../../shared/exposition/layout-text.js'
import { compareUtf8 } from '../../shared/metrics/labels.js'
import type { Label } from '../../shared/metrics/model.js'

/**
 * Writes series as text 1.0.0 with the labels of a push group: its grouping labels replace those of
 * the series, and a series without `instance` gets an empty one, as in Pushgateway.
 */
export class SeriesWriter {
  /** Sorted by name, with their texts. */
  readonly #added: readonly {
    readonly name: string
    readonly text: string
    readonly wins: boolean
  }[]
  readonly #texts = new Map<Label, string>()

  /** @param grouping sorted by name; null: nothing is added */
  constructor(grouping: readonly Label[] | null) {
    const labels = (grouping ?? []).map(label => ({
      name: label.name,
      text: latin1LabelText(label),
      wins: true,
    }))
    if (grouping && !grouping.some(({ name }) => name === 'instance')) {
      labels.push({ name: 'instance', text: 'instance=""', wins: false })
      labels.sort((a, b) => compareUtf8(a.name, b.name))
    }
    this.#added = labels
  }

  /** Whether every series gets the label. */
  adds(name: string): boolean {
    return this.#added.some(label => label.name === name)
  }

  /**
   * The labels of a series between the braces.
   *
   * @param labels sorted by name
   */
  labels(labels: readonly Label[]): string {
    const added = this.#added
    let text = ''
    let a = 0
    for (const label of labels) {
      while (a < added.length && compareUtf8(added[a].name, label.name) < 0)
        text = joined(text, added[a++].text)
      const replaced = a < added.length && added[a].name === label.name ? added[a++] : undefined
      text = joined(text, replaced?.wins ? replaced.text : this.#textOf(label))
    }
    while (a < added.length) text = joined(text, added[a++].text)
    return text
  }

  /** Labels of one body that are equal are mostly one object. */
  #textOf(label: Label): string {
    let text = this.#texts.get(label)
    if (text === undefined) {
      text = latin1LabelText(label)
      this.#texts.set(label, text)
    }
    return text
  }
}

const joined = (before: string, text: string) => (before === '' ? text : `${before},${text}`)

const latin1LabelText = (label: Label) => latin1(labelText(label, 'allow-utf-8'))

/**
 * Returns a function that puts a series together, with the line feed at its end.
 *
 * @param family name of the family
 */
export function seriesLines(family: string): (suffix: string, labels: string) => string {
  if (isLegacyMetricName(family))
    return (suffix, labels) =>
      labels === '' ? `${family}${suffix}\n` : `${family}${suffix}{${labels}}\n`
  const name = latin1(escapeValue(family))
  return (suffix, labels) =>
    labels === '' ? `{"${name}${suffix}"}\n` : `{"${name}${suffix}",${labels}}\n`
}
