import type { MetricType, SampleSuffix, Series } from '../model.js'
import type { Cursor } from './cursor.js'
import type { HashedLabel } from './hashed-label.js'
import type { MetricName, NameTable } from './names.js'

/** A family while its page is being read. */
export class FamilyDraft {
  type: MetricType = 'unknown'
  help = ''
  unit = ''
  /** Whether HELP, and whether TYPE or a sample, were read. Used by the dialect `push`. */
  helped = false
  typed = false
  readonly series: Series[] = []

  constructor(
    readonly name: string,
    /** Its position among the families of the page. */
    public index: number,
  ) {}
}

/** The content of one sample line. One object is reused for all lines. */
export interface SampleLine {
  name: MetricName
  suffix: SampleSuffix
  /** Sorted by name. */
  labels: readonly HashedLabel[]
  value: number
  /** Unix milliseconds, not rounded; NaN for none. */
  timestamp: number
  hasExemplar: boolean
}

export type Metadata = 'HELP' | 'TYPE' | 'UNIT'

/** Which family a sample belongs to, and which order of lines a dialect accepts. */
export interface Families {
  /** Metadata of a family, unescaped. */
  describe(kind: Metadata, name: MetricName, text: string): void
  /**
   * Gives the sample its family and suffix, and its labels as the model has them.
   *
   * @returns the reason for which a valid sample is omitted
   */
  place(sample: SampleLine): string | undefined
  /**
   * Called at the end of the page.
   *
   * @returns the families in the order of the page, each with its `index` in it
   */
  finish(): readonly FamilyDraft[]
}

/** The families of one page. */
export class FamilyTable {
  readonly drafts: FamilyDraft[] = []

  constructor(
    private readonly cursor: Cursor,
    private readonly names: NameTable,
    private readonly limit: number,
  ) {}

  get(name: string): FamilyDraft | undefined {
    return this.names.find(name)?.declared
  }

  add(name: MetricName): FamilyDraft {
    if (this.drafts.length === this.limit)
      this.cursor.refuse('limit', `more than ${this.limit} metric families; expose fewer`)
    const draft = new FamilyDraft(name.text, this.drafts.length)
    this.drafts.push(draft)
    name.declared = draft
    return draft
  }
}
