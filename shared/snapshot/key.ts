import { sortLabels } from '../metrics/labels.js'
import type { Label } from '../metrics/model.js'
import { RefusedError } from './errors.js'

/**
 * The record's key: `name NUL value NUL …` of the identifying labels, sorted. A NUL after every value makes it unambiguous,
 * which is why none may be inside.
 *
 * @throws RefusedError (`key`) for a NUL, a name twice, or no `job`
 */
export function targetKey(target: readonly Label[]): Buffer {
  const labels = sortLabels(target)
  let text = ''
  for (let i = 0; i < labels.length; i++) {
    const { name, value } = labels[i]
    if (name.includes('\0') || value.includes('\0')) {
      throw new RefusedError(
        'key',
        `label ${JSON.stringify(name)} of the target contains a NUL byte; remove it`,
      )
    }
    if (i > 0 && labels[i - 1].name === name) {
      throw new RefusedError('key', `the target has label ${JSON.stringify(name)} twice`)
    }
    text += `${name}\0${value}\0`
  }
  if (!labels.some(label => label.name === 'job' && label.value !== '')) {
    throw new RefusedError('key', 'the target has no job; every target needs that label')
  }
  return Buffer.from(text, 'utf8')
}
