import { runNow, type Steps } from '../../base/steps.js'
import { parseRegex } from './parse-regex.js'
import { compile, type Instruction } from './program.js'
import { type Assertion, isWordCharacter } from './syntax.js'

/** Instructions that are executed in a step: a character may take thousands. */
const INSTRUCTIONS_PER_STEP = 4000
/** Slots whose copy costs as much as an instruction. */
const SLOTS_PER_INSTRUCTION = 8

/** The groups of a match, by number. */
export type Groups = readonly (string | undefined)[]

/**
 * A regular expression of RE2 that matches whole texts. Backtracking, as in JavaScript, could take
 * exponential time for a label that a target chooses; this takes time in proportion to the text.
 *
 * @see https://swtch.com/~rsc/regexp/regexp2.html
 */
export class Regex {
  readonly groupNames: readonly (string | undefined)[]
  readonly #program: readonly Instruction[]
  /** Set for `.*` and `(.*)`, which match everything. */
  readonly #isAny: boolean

  /** @throws RegexError if RE2 does not accept it */
  constructor(readonly source: string) {
    const { node, groupNames } = parseRegex(source)
    this.groupNames = groupNames
    this.#program = compile(node)
    this.#isAny = source === '(.*)' || source === '.*'
  }

  test(text: string): boolean {
    return runNow(this.testSteps(text))
  }

  /** @returns null if the text does not match */
  match(text: string): Groups | null {
    return runNow(this.matchSteps(text))
  }

  /** As `test`, in steps. */
  *testSteps(text: string): Steps<boolean> {
    return this.#isAny || (yield* this.#run(text, 0)) !== null
  }

  /** As `match`, in steps. */
  *matchSteps(text: string): Steps<Groups | null> {
    if (this.#isAny) return this.source === '(.*)' ? [text, text] : [text]
    const slots = yield* this.#run(text, 2 * this.groupNames.length)
    return slots && this.groupNames.map((_, group) => textOf(text, slots, group))
  }

  /** Simulates all threads at once, in order of preference. */
  *#run(text: string, slotCount: number): Steps<readonly number[] | null> {
    const program = this.#program
    const addCost = 1 + slotCount / SLOTS_PER_INSTRUCTION
    let current = new Threads(program.length)
    let next = new Threads(program.length)
    let work = 0
    add(program, current, 0, new Array<number>(slotCount).fill(-1), text, 0)
    for (let at = 0; current.size > 0; ) {
      const codePoint = at < text.length ? text.codePointAt(at)! : -1
      const width = codePoint > 0xffff ? 2 : 1
      next.clear()
      for (let i = 0; i < current.size; i++) {
        const instruction = program[current.addresses[i]]
        const before = next.size
        if (instruction.op === 'match') {
          if (codePoint < 0) return current.slots[i]
        } else if (instruction.op === 'char' && codePoint >= 0 && instruction.matches(codePoint)) {
          add(program, next, current.addresses[i] + 1, current.slots[i], text, at + width)
        }
        work += 1 + (next.size - before) * addCost
        if (work < INSTRUCTIONS_PER_STEP) continue
        work = 0
        yield
      }
      const swap = current
      current = next
      next = swap
      at += width
    }
    return null
  }
}

/** The threads before one character, each address once. */
class Threads {
  readonly addresses: Int32Array
  readonly slots: (readonly number[])[] = []
  readonly #positions: Int32Array
  size = 0

  constructor(instructions: number) {
    this.addresses = new Int32Array(instructions)
    this.#positions = new Int32Array(instructions)
  }

  has(address: number): boolean {
    const position = this.#positions[address]
    return position < this.size && this.addresses[position] === address
  }

  push(address: number, slots: readonly number[]): void {
    this.#positions[address] = this.size
    this.addresses[this.size] = address
    this.slots[this.size++] = slots
  }

  clear(): void {
    this.size = 0
  }
}

/** Adds a thread, and those that it becomes without reading a character. */
function add(
  program: readonly Instruction[],
  threads: Threads,
  start: number,
  startSlots: readonly number[],
  text: string,
  at: number,
): void {
  const stack: { readonly address: number; readonly slots: readonly number[] }[] = [
    { address: start, slots: startSlots },
  ]
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { address, slots } = top
    if (threads.has(address)) continue
    threads.push(address, slots)
    const instruction = program[address]
    switch (instruction.op) {
      case 'jump':
        stack.push({ address: instruction.to, slots })
        break
      case 'split':
        stack.push({ address: instruction.second, slots }, { address: instruction.first, slots })
        break
      case 'assert':
        if (holds(instruction.what, text, at)) stack.push({ address: address + 1, slots })
        break
      case 'save': {
        const saved = slots.length > 0 ? slots.with(instruction.slot, at) : slots
        stack.push({ address: address + 1, slots: saved })
      }
    }
  }
}

function holds(what: Assertion, text: string, at: number): boolean {
  const isWord = (index: number) => isWordAt(text, index)
  switch (what) {
    case 'begin-text':
      return at === 0
    case 'end-text':
      return at === text.length
    case 'begin-line':
      return at === 0 || text[at - 1] === '\n'
    case 'end-line':
      return at === text.length || text[at] === '\n'
    case 'word-boundary':
      return isWord(at - 1) !== isWord(at)
    case 'no-word-boundary':
      return isWord(at - 1) === isWord(at)
  }
}

const isWordAt = (text: string, index: number) =>
  index >= 0 && index < text.length && isWordCharacter(text.charCodeAt(index))

function textOf(text: string, slots: readonly number[], group: number): string | undefined {
  if (group === 0) return text
  const [from, to] = [slots[2 * group], slots[2 * group + 1]]
  return from < 0 || to < 0 ? undefined : text.slice(from, to)
}
