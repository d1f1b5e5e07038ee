/**
 * Syntax of RE2, which Prometheus uses.
 *
 * @see https://github.com/google/re2/wiki/Syntax
 */

/** Whether a code point belongs to a class. */
export type CharClass = (codePoint: number) => boolean

export type Node =
  | { readonly kind: 'empty' }
  | { readonly kind: 'char'; readonly matches: CharClass }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'group'; readonly index: number; readonly node: Node }
  | { readonly kind: 'sequence'; readonly nodes: readonly Node[] }
  | { readonly kind: 'choice'; readonly nodes: readonly Node[] }
  | {
      readonly kind: 'repeat'
      readonly node: Node
      readonly min: number
      /** Infinity: unbounded. */
      readonly max: number
      readonly greedy: boolean
    }

export type Assertion =
  | 'begin-text'
  | 'end-text'
  | 'begin-line'
  | 'end-line'
  | 'word-boundary'
  | 'no-word-boundary'

/** A regular expression that RE2 does not accept, or that is not supported. */
export class RegexError extends Error {
  override readonly name = 'RegexError'
}

const isIn = (ranges: readonly (readonly [number, number])[]): CharClass => {
  return codePoint => ranges.some(([from, to]) => codePoint >= from && codePoint <= to)
}

const DIGIT = isIn([[0x30, 0x39]])
const SPACE = isIn([
  [0x09, 0x0a],
  [0x0c, 0x0d],
  [0x20, 0x20],
])
const WORD = isIn([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
])
export const isWordCharacter = WORD

const PERL: Readonly<Record<string, CharClass>> = { d: DIGIT, s: SPACE, w: WORD }

const POSIX: Readonly<Record<string, CharClass>> = {
  alnum: isIn([
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x61, 0x7a],
  ]),
  alpha: isIn([
    [0x41, 0x5a],
    [0x61, 0x7a],
  ]),
  ascii: isIn([[0, 0x7f]]),
  blank: isIn([
    [0x09, 0x09],
    [0x20, 0x20],
  ]),
  cntrl: isIn([
    [0, 0x1f],
    [0x7f, 0x7f],
  ]),
  digit: DIGIT,
  graph: isIn([[0x21, 0x7e]]),
  lower: isIn([[0x61, 0x7a]]),
  print: isIn([[0x20, 0x7e]]),
  punct: isIn([
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ]),
  space: isIn([
    [0x09, 0x0d],
    [0x20, 0x20],
  ]),
  upper: isIn([[0x41, 0x5a]]),
  word: WORD,
  xdigit: isIn([
    [0x30, 0x39],
    [0x41, 0x46],
    [0x61, 0x66],
  ]),
}

export const not =
  (inner: CharClass): CharClass =>
  codePoint =>
    !inner(codePoint)

/** A class by its letter, `d`, `s` or `w`. */
export const perlClass = (letter: string): CharClass => PERL[letter]

/** A class such as `alpha`. */
export function posixClass(name: string): CharClass {
  const found = Object.hasOwn(POSIX, name) ? POSIX[name] : undefined
  if (!found) throw new RegexError(`invalid character class range: \`[:${name}:]\``)
  return found
}

/** A class of Unicode: a general category or a script. */
export function unicodeClass(name: string): CharClass {
  if (name === 'Any') return () => true
  for (const property of [name, `Script=${name}`]) {
    try {
      const single = new RegExp(`^\\p{${property}}$`, 'u')
      // Properties of ECMAScript that are no categories, such as Emoji.
      if (property === name && !/^(?:[A-Z][a-z]?|LC)$/.test(name)) continue
      return codePoint => single.test(String.fromCodePoint(codePoint))
    } catch {
      // Try the next kind of property.
    }
  }
  throw new RegexError(`invalid character class range: \`\\p{${name}}\``)
}

export const single =
  (expected: number): CharClass =>
  codePoint =>
    codePoint === expected

export const range =
  (from: number, to: number): CharClass =>
  codePoint =>
    codePoint >= from && codePoint <= to

export const anyOf =
  (classes: readonly CharClass[]): CharClass =>
  codePoint =>
    classes.some(matches => matches(codePoint))

/** The class with the other cases of its members. */
export function ignoringCase(inner: CharClass): CharClass {
  return codePoint => {
    if (inner(codePoint)) return true
    const character = String.fromCodePoint(codePoint)
    return [character.toLowerCase(), character.toUpperCase(), ...(FOLDED[character] ?? '')].some(
      other => other.length <= 2 && inner(other.codePointAt(0)!) && isOneCharacter(other),
    )
  }
}

/** Characters whose folding is not their lower or upper case. */
const FOLDED: Readonly<Record<string, string>> = {
  k: '\u212a',
  K: '\u212a',
  s: '\u017f',
  S: '\u017f',
}

const isOneCharacter = (text: string) => [...text].length === 1
