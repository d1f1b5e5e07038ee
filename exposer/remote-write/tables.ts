import { runInSlices } from '../../shared/base/steps.js'
import { latin1 } from '../../shared/exposition/layout-text.js'
import type { Label } from '../../shared/metrics/model.js'
import { relabelTableSteps } from '../../shared/remote-write/relabelled-table.js'
import type { Relabelling } from '../../shared/remote-write/relabelling.js'
import {
  type SeriesTable,
  seriesTableSteps,
  type TableFamily,
} from '../../shared/remote-write/series-table.js'
import type { CompiledLayout } from '../core/store/compiled-layout.js'

/**
 * Tables of layouts for one receiver, within a number of bytes: the least recently used one goes
 * first. A table is shared by all targets with the same layout and label names. One that is
 * relabelled is shared by those whose values are the same too, as far as rules read them.
 */
export class Tables {
  /** Least recently used first. */
  readonly #tables = new Map<string, SeriesTable>()
  readonly #making = new Map<string, Promise<SeriesTable>>()
  #bytes = 0

  constructor(
    private readonly external: readonly Label[],
    private readonly relabelling: Relabelling | null,
    private readonly maxBytes: number,
  ) {}

  get bytes(): number {
    return this.#bytes
  }

  /** The families of each layout, for their metadata. */
  get families(): Iterable<readonly TableFamily[]> {
    return new Set([...this.#tables.values()].map(({ families }) => families))
  }

  /** The table if it is known: so that the common case needs no turn of the event loop. */
  known(layout: CompiledLayout, labels: readonly Label[]): SeriesTable | undefined {
    return this.#used(this.#keyOf(layout, labels))
  }

  #used(key: string): SeriesTable | undefined {
    const table = this.#tables.get(key)
    if (!table) return undefined
    this.#tables.delete(key)
    this.#tables.set(key, table)
    return table
  }

  /** @param layout held by the caller until the promise settles */
  async make(layout: CompiledLayout, labels: readonly Label[]): Promise<SeriesTable> {
    const { relabelling } = this
    if (!relabelling) return this.#makePlain(layout, labels)
    return this.#once(this.#keyOf(layout, labels), async () => {
      const plain = this.#used(keyOf(layout, labels)) ?? (await this.#makePlain(layout, labels))
      return runInSlices(relabelTableSteps(plain, labels, relabelling))
    })
  }

  #makePlain(layout: CompiledLayout, labels: readonly Label[]): Promise<SeriesTable> {
    const source = { families: layout.families, text: layout.plain }
    const names = { target: labels.map(({ name }) => name), external: this.external }
    return this.#once(keyOf(layout, labels), () => runInSlices(seriesTableSteps(source, names)))
  }

  #once(key: string, make: () => Promise<SeriesTable>): Promise<SeriesTable> {
    let making = this.#making.get(key)
    if (!making) {
      making = make()
      this.#making.set(key, making)
      making.then(table => this.#add(key, table)).finally(() => this.#making.delete(key))
    }
    return making
  }

  #keyOf(layout: CompiledLayout, labels: readonly Label[]): string {
    const { relabelling } = this
    return relabelling ? `${layout.id}\0\0${relabelling.keyOf(labels)}` : keyOf(layout, labels)
  }

  #add(key: string, table: SeriesTable): void {
    this.#tables.set(key, table)
    this.#bytes += bytesOf(key, table)
    for (const [oldest, other] of this.#tables) {
      if (this.#bytes <= this.maxBytes || oldest === key) break
      this.#tables.delete(oldest)
      this.#bytes -= bytesOf(oldest, other)
    }
  }
}

const bytesOf = (key: string, { bytes }: SeriesTable) => 2 * key.length + bytes

const keyOf = ({ id }: CompiledLayout, labels: readonly Label[]) =>
  labels.reduce((key, { name }) => `${key}\0${name}`, id)

/** Values of the labels, as a block has them. */
export const valuesOf = (labels: readonly Label[]): string[] =>
  labels.map(({ value }) => latin1(value))
