import { sortLabels } from '../metrics/labels.js'
import type { Label } from '../metrics/model.js'
import { RefusedError } from './errors.js'

/**
 * The key of a record: `name NUL value NUL …` of the identifying labels, sorted. The NUL after each
 * value makes it unambiguous, so names and values must not contain one.
 *
 * @throws RefusedError (`key`) for a NUL, a duplicate name or a missing `job`
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
      throw new RefusedError(
        'key',
        `the target has label ${JSON.stringify(name)} twice; remove one`,
      )
    }
    text += `${name}\0${value}\0`
  }
  if (!labels.some(label => label.name === 'job' && label.value !== '')) {
    throw new RefusedError('key', 'the target has no job; add the label job')
  }
  return Buffer.from(text, 'utf8')
}
