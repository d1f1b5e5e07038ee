import { RefusedError } from './errors.js'
import type { Label } from './types.js'

/** Compares by UTF-8 bytes, which for strings is by code point: UTF-16 order differs above U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates stand for code points above all others, yet have smaller units than U+E000 to U+FFFF.
    const xs = (x & 0xf800) === 0xd800
    const ys = (y & 0xf800) === 0xd800
    if (xs !== ys) return xs ? 1 : -1
    return x - y
  }
  return a.length - b.length
}

/** Labels in the order in which they are written: by the UTF-8 bytes of their names. */
export function sortLabels(labels: readonly Label[] | Readonly<Record<string, string>>): Label[] {
  const list = Array.isArray(labels)
    ? [...(labels as readonly Label[])]
    : Object.entries(labels as Record<string, string>).map(([name, value]) => ({ name, value }))
  return list.sort((a, b) => compareUtf8(a.name, b.name))
}

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
