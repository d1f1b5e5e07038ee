import type { Steps } from '../base/steps.js'
import type { FamilyHead } from '../exposition/family-lines.js'
import { BLOCK, type LayoutText, latin1 } from '../exposition/layout-text.js'
import type { Label } from '../metrics/model.js'
import { WRITE_TYPES } from '../metrics/remote-write/request.js'
import { tokensOf } from './label-tokens.js'
import { Symbols } from './symbols.js'

/** Series per step: some tenths of a millisecond. */
const STEP = 200

/** A family of a layout, with the range of its series: from `from`, below `to`. */
export interface TableFamily extends FamilyHead {
  readonly from: number
  readonly to: number
}

/** The series of a layout, as it is compiled. */
export interface TableSource {
  readonly families: readonly TableFamily[]
  readonly text: LayoutText
}

/** How the series of a receiver are labelled. */
export interface TableLabels {
  /** Names of the target's labels, sorted. A series' own label of that name is `exported_…`. */
  readonly target: readonly string[]
  /** Labels that are added unless the series or its target has them. */
  readonly external: readonly Label[]
}

/** What relabelling leaves of a table. */
export interface Relabelled {
  /** Indexes of the series that are sent, ascending; null for all. */
  readonly kept: Uint32Array | null
  /** Whether each label of the target is the value of a label of some series. */
  readonly used: readonly boolean[]
}

/**
 * The labels and metadata of all series of a layout as remote write has them, for all targets that
 * have the same label names.
 *
 * Texts are UTF-8 in latin1 characters. They are symbols: those below `targetLabels` stand for the
 * values of the target's labels, and are empty here.
 */
export class SeriesTable {
  /** Indices of symbols: name, value, … of each series, sorted by name. */
  readonly refs: Uint32Array
  readonly refsFrom: Uint32Array
  /** Index into `WRITE_TYPES`, and symbols of the metadata, of each series. */
  readonly types: Uint8Array
  readonly helps: Uint32Array
  readonly units: Uint32Array
  /** Estimated bytes. */
  readonly bytes: number

  constructor(
    readonly families: readonly TableFamily[],
    readonly symbols: readonly string[],
    /** Number of labels of the target. */
    readonly targetLabels: number,
    arrays: Pick<SeriesTable, 'refs' | 'refsFrom' | 'types' | 'helps' | 'units'>,
    private readonly relabelled: Relabelled | null = null,
  ) {
    this.refs = arrays.refs
    this.refsFrom = arrays.refsFrom
    this.types = arrays.types
    this.helps = arrays.helps
    this.units = arrays.units
    let bytes = 500 + 4 * (this.refs.length + (this.kept?.length ?? 0)) + 13 * this.types.length
    for (const { length } of symbols) bytes += 24 + length
    this.bytes = bytes
  }

  /** Number of series. */
  get series(): number {
    return this.types.length
  }

  /** Indexes of the series that are sent, ascending; null for all. The others have no labels. */
  get kept(): Uint32Array | null {
    return this.relabelled?.kept ?? null
  }

  get isRelabelled(): boolean {
    return this.relabelled !== null
  }

  /** Those of `indexes` that are sent; null for all series. */
  keptOf(indexes: Uint32Array | null): Uint32Array | null {
    const { kept } = this
    if (!kept || !indexes) return indexes ?? kept
    return indexes.filter(i => this.isKept(i))
  }

  isKept(series: number): boolean {
    return this.refsFrom[series] < this.refsFrom[series + 1]
  }

  /** The values of a target's labels for a block; those that no series has are empty. */
  targetOf(values: readonly string[]): readonly string[] {
    const { relabelled } = this
    return relabelled ? values.map((value, i) => (relabelled.used[i] ? value : '')) : values
  }
}

/** Makes the table of a layout, in steps. */
export function* seriesTableSteps(
  { families, text }: TableSource,
  { target, external }: TableLabels,
): Steps<SeriesTable> {
  const series = families[families.length - 1]?.to ?? 0
  const symbols = new Symbols(target.length)
  const targetNames = target.map(latin1)
  const externals = external
    .filter(({ value }) => value !== '')
    .map(({ name, value }) => [latin1(name), latin1(value)] as const)
  const taken = new Set(targetNames)
  const refs: number[] = []
  const refsFrom = new Uint32Array(series + 1)
  const types = new Uint8Array(series)
  const helps = new Uint32Array(series)
  const units = new Uint32Array(series)
  for (const family of families) {
    const type = WRITE_TYPES.indexOf(family.type)
    const help = symbols.of(latin1(family.help))
    const unit = symbols.of(latin1(family.unit))
    for (let i = family.from; i < family.to; i++) {
      types[i] = type
      helps[i] = help
      units[i] = unit
      const labels = labelsOf(seriesText(text, i), taken)
      for (const [name, value] of externals)
        if (!taken.has(name) && !labels.some(label => label.name === name))
          labels.push({ name, value })
      const all: { name: string; ref: number }[] = labels.map(({ name, value }) => ({
        name,
        ref: symbols.of(value),
      }))
      targetNames.forEach((name, ref) => {
        all.push({ name, ref })
      })
      all.sort((a, b) => (a.name < b.name ? -1 : 1))
      for (const { name, ref } of all) refs.push(symbols.of(name), ref)
      refsFrom[i + 1] = refs.length
      if (i % STEP === STEP - 1) yield
    }
  }
  const arrays = { refs: Uint32Array.from(refs), refsFrom, types, helps, units }
  return new SeriesTable(families, symbols.all, target.length, arrays)
}

/** Own labels of a series, without empty ones; those that its target has are renamed. */
function labelsOf(text: string, taken: ReadonlySet<string>): Label[] {
  const tokens = tokensOf(text)
  const labels: Label[] = []
  let names: Set<string> | null = null
  for (let i = 0; i < tokens.length; i += 2) {
    let name = tokens[i]
    const value = tokens[i + 1]
    if (value === '') continue
    if (taken.has(name)) {
      names ??= new Set([...taken, ...tokens.filter((_, at) => at % 2 === 0)])
      do name = `exported_${name}`
      while (names.has(name))
      names.add(name)
    }
    labels.push({ name, value })
  }
  return labels
}

/** The text of a series without the line feed in front of it. */
function seriesText({ blocks, offsets }: LayoutText, index: number): string {
  const first = index - (index % BLOCK)
  const start = offsets[first]
  return blocks[first / BLOCK].slice(offsets[index] - start + 1, offsets[index + 1] - start)
}
