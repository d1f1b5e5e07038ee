import { type Assertion, type CharClass, type Node, RegexError } from './syntax.js'

/** Maximum size of a program: the time of a match is at most this times the length of the text. */
const MAX_INSTRUCTIONS = 20_000

/** An instruction of a thread. A thread that stands at `match` at the end of the text matches. */
export type Instruction =
  | { readonly op: 'char'; readonly matches: CharClass }
  | { readonly op: 'assert'; readonly what: Assertion }
  | { readonly op: 'save'; readonly slot: number }
  /** Goes on at both, the first one preferred. */
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'match' }

function isNullable(node: Node): boolean {
  switch (node.kind) {
    case 'char':
      return false
    case 'group':
      return isNullable(node.node)
    case 'sequence':
      return node.nodes.every(isNullable)
    case 'choice':
      return node.nodes.some(isNullable)
    case 'repeat':
      return node.min === 0 || isNullable(node.node)
    default:
      return true
  }
}

/** @throws RegexError if the program is too large */
export function compile(node: Node): Instruction[] {
  const program: Instruction[] = []
  const emit = <T extends Instruction>(instruction: T): T => {
    if (program.length >= MAX_INSTRUCTIONS) throw new RegexError('expression too large')
    program.push(instruction)
    return instruction
  }
  const emitSplit = () => emit({ op: 'split' as const, first: 0, second: 0 })
  /** Lets a split prefer the loop or leave it. */
  const direct = (
    split: { first: number; second: number },
    into: number,
    past: number,
    greedy: boolean,
  ) => {
    split.first = greedy ? into : past
    split.second = greedy ? past : into
  }

  const generate = (node: Node): void => {
    switch (node.kind) {
      case 'empty':
        return
      case 'char':
        emit({ op: 'char', matches: node.matches })
        return
      case 'assert':
        emit({ op: 'assert', what: node.what })
        return
      case 'group':
        emit({ op: 'save', slot: 2 * node.index })
        generate(node.node)
        emit({ op: 'save', slot: 2 * node.index + 1 })
        return
      case 'sequence':
        for (const inner of node.nodes) generate(inner)
        return
      case 'choice': {
        const jumps: { to: number }[] = []
        node.nodes.forEach((inner, i) => {
          const isLast = i === node.nodes.length - 1
          const split = isLast ? undefined : emitSplit()
          if (split) split.first = program.length
          generate(inner)
          if (!isLast) jumps.push(emit({ op: 'jump' as const, to: 0 }))
          if (split) split.second = program.length
        })
        for (const jump of jumps) jump.to = program.length
        return
      }
      case 'repeat':
        generateRepeat(node)
    }
  }

  const generateRepeat = ({ node, min, max, greedy }: Node & { kind: 'repeat' }): void => {
    if (max === Number.POSITIVE_INFINITY) {
      for (let i = 1; i < min; i++) generate(node)
      // As in Go, `x*` is `(x+)?` if x can be empty: then an empty x sets its groups.
      const skip = min === 0 && isNullable(node) ? emitSplit() : undefined
      const before = min === 0 && !skip ? emitSplit() : undefined
      const into = program.length
      generate(node)
      const loop = before ?? emitSplit()
      if (before) emit({ op: 'jump', to: program.indexOf(before) })
      direct(loop, into, program.length, greedy)
      if (skip) direct(skip, into, program.length, greedy)
      return
    }
    for (let i = 0; i < min; i++) generate(node)
    const splits: { split: { first: number; second: number }; into: number }[] = []
    for (let i = min; i < max; i++) {
      const split = emitSplit()
      splits.push({ split, into: program.length })
      generate(node)
    }
    for (const { split, into } of splits) direct(split, into, program.length, greedy)
  }

  generate(node)
  emit({ op: 'match' })
  return program
}
