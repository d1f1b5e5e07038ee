import type { Label } from './model.js'

/** Compares by UTF-8 bytes, that is by code points. UTF-16 order differs above U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates encode the highest code points, but are less than the units U+E000 to U+FFFF.
    const xs = (x & 0xf800) === 0xd800
    const ys = (y & 0xf800) === 0xd800
    if (xs !== ys) return xs ? 1 : -1
    return x - y
  }
  return a.length - b.length
}

/** Returns labels sorted by the UTF-8 bytes of their names. */
export function sortLabels(labels: readonly Label[] | Readonly<Record<string, string>>): Label[] {
  const list = Array.isArray(labels)
    ? [...(labels as readonly Label[])]
    : Object.entries(labels as Record<string, string>).map(([name, value]) => ({ name, value }))
  return list.sort((a, b) => compareUtf8(a.name, b.name))
}
