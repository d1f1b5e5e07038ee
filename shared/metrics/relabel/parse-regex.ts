import {
  anyOf,
  type CharClass,
  ignoringCase,
  type Node,
  not,
  perlClass,
  posixClass,
  RegexError,
  range,
  single,
  unicodeClass,
} from './syntax.js'

/** Largest count of a repetition, as in RE2. */
const MAX_REPEAT = 1000
const MAX_DEPTH = 200

interface Flags {
  readonly ignoreCase: boolean
  readonly multiLine: boolean
  readonly dotAll: boolean
  readonly ungreedy: boolean
}

export interface ParsedRegex {
  readonly node: Node
  /** Names of the groups by number; group 0 is the whole match. */
  readonly groupNames: readonly (string | undefined)[]
}

/**
 * Parses a regular expression of RE2. `.` matches line feeds, as in relabelling rules.
 *
 * @throws RegexError
 */
export function parseRegex(text: string): ParsedRegex {
  return new Parser(text).parse()
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 }
const EMPTY: Node = { kind: 'empty' }

class Parser {
  readonly #characters: readonly string[]
  readonly #groupNames: (string | undefined)[] = [undefined]
  #at = 0
  #depth = 0

  constructor(private readonly text: string) {
    this.#characters = [...text]
  }

  parse(): ParsedRegex {
    const flags = { ignoreCase: false, multiLine: false, dotAll: true, ungreedy: false }
    const node = this.#choice(flags)
    if (!this.#isAtEnd) throw new RegexError(`unexpected ): \`${this.text}\``)
    return { node, groupNames: this.#groupNames }
  }

  get #isAtEnd(): boolean {
    return this.#at >= this.#characters.length
  }

  get #next(): string {
    return this.#characters[this.#at] ?? ''
  }

  /** Takes a text if it is next. */
  #take(text: string): boolean {
    if (!this.#startsWith(text)) return false
    this.#at += text.length
    return true
  }

  /** @param text of ASCII */
  #startsWith(text: string): boolean {
    for (let i = 0; i < text.length; i++)
      if (this.#characters[this.#at + i] !== text[i]) return false
    return true
  }

  /** Takes what matches at the current position. */
  #takeMatch(pattern: RegExp): RegExpExecArray | null {
    const match = pattern.exec(this.#characters.slice(this.#at, this.#at + 300).join(''))
    if (match) this.#at += [...match[0]].length
    return match
  }

  #choice(outer: Flags): Node {
    if (++this.#depth > MAX_DEPTH) throw new RegexError('expression nests too deeply')
    const choices: Node[] = []
    let nodes: Node[] = []
    let flags = outer
    while (!this.#isAtEnd && this.#next !== ')') {
      if (this.#take('|')) {
        choices.push(sequence(nodes))
        nodes = []
        continue
      }
      const changed = this.#flagsOnly(flags)
      if (changed) flags = changed
      else if (this.#take('\\Q')) this.#quoted(nodes, flags)
      else nodes.push(this.#repeated(this.#atom(flags), flags))
    }
    this.#depth--
    choices.push(sequence(nodes))
    return choices.length === 1 ? choices[0] : { kind: 'choice', nodes: choices }
  }

  /** Flags for the rest of the group: `(?i)`. */
  #flagsOnly(flags: Flags): Flags | undefined {
    const match = this.#takeMatch(/^\(\?([imsU]*)(?:-([imsU]+))?\)/)
    return match ? withFlags(flags, match[1], match[2] ?? '') : undefined
  }

  #repeated(atom: Node, flags: Flags): Node {
    let node = atom
    let isRepeated = false
    for (;;) {
      const bounds = this.#bounds()
      if (!bounds) return node
      if (isRepeated) throw new RegexError(`invalid nested repetition operator: \`${this.text}\``)
      isRepeated = true
      const greedy = this.#take('?') === flags.ungreedy
      node = { kind: 'repeat', node, ...bounds, greedy }
    }
  }

  #bounds(): { min: number; max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Number.POSITIVE_INFINITY }
    if (this.#take('+')) return { min: 1, max: Number.POSITIVE_INFINITY }
    if (this.#take('?')) return { min: 0, max: 1 }
    const match = this.#takeMatch(/^\{(\d{1,9})(,?)(\d{0,9})\}/)
    if (!match) return undefined
    const min = Number(match[1])
    const max = match[2] ? (match[3] ? Number(match[3]) : Number.POSITIVE_INFINITY) : min
    if (min > MAX_REPEAT || (Number.isFinite(max) && max > MAX_REPEAT) || min > max)
      throw new RegexError(`invalid repeat count: \`${match[0]}\``)
    return { min, max }
  }

  #atom(flags: Flags): Node {
    if (this.#take('(')) return this.#group(flags)
    if (this.#take('.')) return char(flags.dotAll ? () => true : not(single(10)))
    if (this.#take('^')) return assertion(flags.multiLine ? 'begin-line' : 'begin-text')
    if (this.#take('$')) return assertion(flags.multiLine ? 'end-line' : 'end-text')
    if (this.#take('[')) return char(this.#class(flags))
    if ('*+?'.includes(this.#next) && this.#next)
      throw new RegexError(`missing argument to repetition operator: \`${this.#next}\``)
    if (this.#next === '\\') return this.#escaped(flags)
    const literal = this.#characters[this.#at++]
    return char(this.#cased(single(literal.codePointAt(0)!), flags))
  }

  /** Other cases are added to a class before it is negated. */
  #cased(matches: CharClass, flags: Flags, isNegated = false): CharClass {
    const cased = flags.ignoreCase ? ignoringCase(matches) : matches
    return isNegated ? not(cased) : cased
  }

  #group(flags: Flags): Node {
    let inner = flags
    let index: number | undefined
    if (this.#next === '?') {
      const name = this.#takeMatch(/^\?P?<(\w+)>/)
      const groupFlags = name ? null : this.#takeMatch(/^\?([imsU]*)(?:-([imsU]+))?:/)
      if (name) {
        index = this.#groupNames.push(name[1]) - 1
      } else if (groupFlags) {
        inner = withFlags(flags, groupFlags[1], groupFlags[2] ?? '')
      } else {
        const shown = this.#characters.slice(this.#at - 1, this.#at + 3).join('')
        throw new RegexError(`invalid or unsupported Perl syntax: \`${shown}\``)
      }
    } else {
      index = this.#groupNames.push(undefined) - 1
    }
    const node = this.#choice(inner)
    if (!this.#take(')')) throw new RegexError(`missing closing ): \`${this.text}\``)
    return index === undefined ? node : { kind: 'group', index, node }
  }

  #escaped(flags: Flags): Node {
    if (this.#take('\\A')) return assertion('begin-text')
    if (this.#take('\\z')) return assertion('end-text')
    if (this.#take('\\b')) return assertion('word-boundary')
    if (this.#take('\\B')) return assertion('no-word-boundary')
    return char(this.#escapedClass(flags) ?? this.#cased(single(this.#escapedCharacter()), flags))
  }

  /** Literals up to `\E`. A repetition after it is one of the last. */
  #quoted(nodes: Node[], flags: Flags): void {
    let last: Node | undefined
    while (!this.#isAtEnd && !this.#take('\\E')) {
      if (last) nodes.push(last)
      const literal = this.#characters[this.#at++]
      last = char(this.#cased(single(literal.codePointAt(0)!), flags))
    }
    if (last) nodes.push(this.#repeated(last, flags))
  }

  /** `\d`, `\pL`, `\P{Greek}` */
  #escapedClass(flags: Flags): CharClass | undefined {
    const perl = this.#takeMatch(/^\\([dDsSwW])/)
    if (perl) {
      const letter = perl[1].toLowerCase()
      return this.#cased(perlClass(letter), flags, letter !== perl[1])
    }
    const unicode = this.#takeMatch(/^\\([pP])(?:([A-Z])|\{(\^?)(\w+)\})/)
    if (!unicode) return undefined
    const [, letter, category, negated, name] = unicode
    const isNegated = (letter === 'P') !== (negated === '^')
    return this.#cased(unicodeClass(category ?? name), flags, isNegated)
  }

  #escapedCharacter(): number {
    this.#at++
    const hex = this.#takeMatch(/^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/)
    if (hex) {
      const codePoint = Number.parseInt(hex[1] ?? hex[2], 16)
      if (codePoint <= 0x10ffff) return codePoint
    }
    // A backslash and one other digit would be a reference to a group.
    const octal = hex ? null : this.#takeMatch(/^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/)
    if (octal) return Number.parseInt(octal[0], 8)
    const character = this.#next
    if (character in ESCAPES) {
      this.#at++
      return ESCAPES[character]
    }
    if (hex || (character.codePointAt(0) ?? 128) > 127 || /[a-z0-9]/i.test(character)) {
      if (this.#isAtEnd) throw new RegexError('trailing backslash at end of expression')
      throw new RegexError(`invalid escape sequence: \`\\${character}\``)
    }
    this.#at++
    return character.codePointAt(0)!
  }

  /** A class in brackets, after its `[`. */
  #class(flags: Flags): CharClass {
    const isNegated = this.#take('^')
    const members: CharClass[] = []
    for (let isFirst = true; isFirst || this.#next !== ']'; isFirst = false) {
      if (this.#isAtEnd) throw new RegexError(`missing closing ]: \`${this.text}\``)
      const posix = this.#takeMatch(/^\[:(\^?)(\w+):\]/)
      const named = posix
        ? this.#cased(posixClass(posix[2]), flags, posix[1] === '^')
        : this.#escapedClass(flags)
      members.push(named ?? this.#cased(this.#range(), flags))
    }
    this.#at++
    return isNegated ? not(anyOf(members)) : anyOf(members)
  }

  #range(): CharClass {
    const from = this.#classCharacter()
    if (this.#next !== '-' || this.#characters[this.#at + 1] === ']') return single(from)
    this.#at++
    if (this.#isAtEnd) throw new RegexError(`missing closing ]: \`${this.text}\``)
    const to = this.#classCharacter()
    if (to < from)
      throw new RegexError(
        `invalid character class range: \`${String.fromCodePoint(from)}-${String.fromCodePoint(to)}\``,
      )
    return range(from, to)
  }

  #classCharacter(): number {
    if (this.#next === '\\') return this.#escapedCharacter()
    return this.#characters[this.#at++].codePointAt(0)!
  }
}

const char = (matches: CharClass): Node => ({ kind: 'char', matches })
const assertion = (what: (Node & { kind: 'assert' })['what']): Node => ({ kind: 'assert', what })

function sequence(nodes: readonly Node[]): Node {
  if (nodes.length === 0) return EMPTY
  return nodes.length === 1 ? nodes[0] : { kind: 'sequence', nodes }
}

function withFlags(flags: Flags, set: string, cleared: string): Flags {
  const value = (letter: string, before: boolean) =>
    cleared.includes(letter) ? false : set.includes(letter) || before
  return {
    ignoreCase: value('i', flags.ignoreCase),
    multiLine: value('m', flags.multiLine),
    dotAll: value('s', flags.dotAll),
    ungreedy: value('U', flags.ungreedy),
  }
}
