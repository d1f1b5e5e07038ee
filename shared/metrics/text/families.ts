import type { MetricType, SampleSuffix, Series } from '../model.js'
import type { Cursor } from './cursor.js'
import type { HashedLabel } from './labels.js'
import type { MetricName, NameTable } from './names.js'

/** A family while its page is being read. */
export class FamilyDraft {
  type: MetricType = 'unknown'
  help = ''
  unit = ''
  /** Whether HELP, and TYPE or a sample, have come: the dialect `push` asks. */
  helped = false
  typed = false
  readonly series: Series[] = []

  constructor(
    readonly name: string,
    /** Its position among the families of the page. */
    public index: number,
  ) {}
}

/** What a line says of one series. One object is used for all lines. */
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
   * @returns why the sample is not part of the model, where it is valid all the same
   */
  place(sample: SampleLine): string | undefined
  /** All of the page is read. @returns the families in the order of the page; `index` is the position in it */
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
