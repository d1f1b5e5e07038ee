import type { Groups } from './regex.js'

const VARIABLE = /\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu

/**
 * Replaces `$1`, `${1}`, `$name` and `$$` in a template, as Go's `Regexp.Expand` does. A group that
 * does not exist or did not match is empty.
 */
export function expand(
  template: string,
  groups: Groups,
  names: readonly (string | undefined)[],
): string {
  if (!template.includes('$')) return template
  return template.replace(VARIABLE, (whole, plain?: string, braced?: string) => {
    const name = plain ?? braced
    if (name === undefined) return whole === '$$' ? '$' : whole
    if (/^\d+$/.test(name)) return groups[Number(name)] ?? ''
    return groups.find((group, i) => names[i] === name && group !== undefined) ?? ''
  })
}
