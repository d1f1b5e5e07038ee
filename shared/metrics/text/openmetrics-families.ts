import { quote } from '../../base/quote.js'
import type { Cursor } from './cursor.js'
import type { Families, FamilyDraft, FamilyTable, Metadata, SampleLine } from './families.js'
import type { MetricName } from './names.js'
import { OpenMetricsSamples } from './openmetrics-samples.js'
import { OPENMETRICS_TYPES, typeOf, unitOf } from './scrape-families.js'
import { SUFFIXES_OF_TYPE } from './suffixes.js'

/**
 * Order of lines in OpenMetrics 1.0: families are not interleaved, metadata precedes samples and
 * occurs once, and no two families can have samples of one name.
 */
export class OpenMetricsFamilies implements Families {
  readonly #taken = new Set<string>()
  #current: FamilyDraft | undefined
  #described = new Set<Metadata>()
  #samples: OpenMetricsSamples | undefined

  constructor(
    private readonly cursor: Cursor,
    private readonly table: FamilyTable,
  ) {}

  describe(kind: Metadata, name: MetricName, text: string): void {
    const { cursor } = this
    if (name.text === '') cursor.refuse('name', 'a metric name is empty; give it a name')
    let family = this.#current
    if (!family || family !== name.declared) family = this.#open(name)
    else if (family.series.length > 0)
      cursor.refuse(
        'order',
        `${kind} of ${quote(name.text)} follows its samples; write it before them`,
      )
    if (this.#described.has(kind))
      cursor.refuse('duplicate', `a second ${kind} line for ${quote(name.text)}; write one`)
    this.#described.add(kind)
    if (kind === 'HELP') family.help = text
    else if (kind === 'UNIT') family.unit = unitOf(cursor, name.text, text)
    else family.type = typeOf(cursor, OPENMETRICS_TYPES, text)
  }

  place(sample: SampleLine): undefined {
    const { name } = sample
    if (!this.#current || name.owner !== this.#current) this.#settle(name)
    sample.suffix = name.suffix
    this.#samples ??= new OpenMetricsSamples(this.cursor, name.owner!)
    this.#samples.check(sample)
  }

  #settle(name: MetricName): void {
    const current = this.#current
    const suffix =
      current && SUFFIXES_OF_TYPE[current.type].find(own => current.name + own === name.text)
    name.owner = suffix === undefined ? this.#open(name) : current
    name.suffix = suffix ?? ''
  }

  finish(): readonly FamilyDraft[] {
    this.#close()
    return this.table.drafts
  }

  #open(name: MetricName): FamilyDraft {
    this.#close()
    if (name.declared)
      this.cursor.refuse(
        'order',
        `the metric family ${quote(name.text)} is interleaved with others; write all its lines in one place`,
      )
    this.#refuseTaken(name.text)
    this.#current = this.table.add(name)
    this.#described.clear()
    return this.#current
  }

  #close(): void {
    const family = this.#current
    if (!family) return
    // Violations by the family as a whole are reported at the line after it.
    this.#samples?.finish()
    this.#samples = undefined
    if (family.unit !== '' && (family.type === 'info' || family.type === 'stateset'))
      this.cursor.refuse(
        'metadata',
        `${quote(family.name)} is of type ${family.type} and has a unit; remove the unit`,
      )
    for (const suffix of new Set([...SUFFIXES_OF_TYPE[family.type], ''])) {
      this.#refuseTaken(family.name + suffix)
      this.#taken.add(family.name + suffix)
    }
  }

  #refuseTaken(name: string): void {
    if (this.#taken.has(name))
      this.cursor.refuse(
        'duplicate',
        `samples named ${quote(name)} belong to two metric families; write a family in one place, or rename one`,
      )
  }
}
