import { cleaned, isText } from '../../metrics/clean-text.js'
import { canonicalFloat, isFloatText } from '../../metrics/float-text.js'
import type { Limits } from '../../metrics/limits.js'
import type { Label } from '../../metrics/model.js'
import type { Drop } from './mapping.js'

/** A label as written to a record. */
interface RecordLabel {
  readonly label: Label
  /** Maximum size in a layout, bytes. */
  readonly bytes: number
}

/** Converts labels of series to those of a record. A shared label object is checked once. */
export class LabelRules {
  /** Maximum size of the last converted labels in a layout, bytes. */
  bytes = 0
  readonly #checked = new Map<Label, RecordLabel | Drop>()
  readonly #numbers = new Map<Label, RecordLabel | Drop>()

  constructor(private readonly limits: Limits) {}

  /**
   * @param labels sorted
   * @param number the label that must be a number and becomes canonical
   * @returns the same array if nothing changes
   */
  apply(labels: readonly Label[], number: 'le' | 'quantile' | undefined): readonly Label[] | Drop {
    let result: Label[] | null = null
    let missing = number !== undefined
    this.bytes = 0
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]
      if (i > 0 && label.name === labels[i - 1].name)
        return { reason: 'label', message: `a series has label ${label.name} twice; remove one` }
      const isNumber = label.name === number
      if (isNumber) missing = false
      const carried = isNumber ? this.#number(label) : this.#check(label)
      if ('message' in carried) return carried
      this.bytes += carried.bytes
      if (carried.label === label) continue
      result ??= [...labels]
      result[i] = carried.label
    }
    if (labels.length > this.limits.labels)
      return {
        reason: 'limit',
        message: `a series has more than ${this.limits.labels} labels; remove some`,
      }
    return missing ? notANumber(number as string) : (result ?? labels)
  }

  #check(label: Label): RecordLabel | Drop {
    let carried = this.#checked.get(label)
    if (!carried) {
      carried = checkLabel(label, this.limits)
      this.#checked.set(label, carried)
    }
    return carried
  }

  #number(label: Label): RecordLabel | Drop {
    let carried = this.#numbers.get(label)
    if (!carried) {
      const value = canonicalFloat(label.value)
      if (!isFloatText(label.value)) carried = notANumber(label.name)
      else carried = carriedLabel(label, value)
      this.#numbers.set(label, carried)
    }
    return carried
  }
}

const notANumber = (name: string): Drop => ({
  reason: 'label',
  message: `a series has no number in label ${name}; set it to a number`,
})

function checkLabel(label: Label, { nameBytes, valueBytes }: Limits): RecordLabel | Drop {
  const { name, value } = label
  if (name.startsWith('__') || name === '')
    return { reason: 'reserved', message: `label ${JSON.stringify(name)} is reserved; rename it` }
  if (!isText(name))
    return {
      reason: 'label',
      message: 'the name of a label contains a NUL or a lone surrogate; rename it',
    }
  if (Buffer.byteLength(name) > nameBytes)
    return {
      reason: 'limit',
      message: `the name of a label has more than ${nameBytes} bytes; shorten it`,
    }
  const clean = cleaned(value)
  if (Buffer.byteLength(clean) > valueBytes)
    return {
      reason: 'limit',
      message: `the value of label ${name} has more than ${valueBytes} bytes; shorten it`,
    }
  return carriedLabel(label, clean)
}

/** Two lengths of up to two bytes, and two strings. */
function carriedLabel(label: Label, value: string): RecordLabel {
  const { name } = label
  return {
    label: value === label.value ? label : { name, value },
    bytes: 4 + Buffer.byteLength(name) + Buffer.byteLength(value),
  }
}
