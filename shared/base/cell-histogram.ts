import type { Registry } from 'prom-client'

interface Value {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly metricName: string
}

interface Cell {
  readonly counts: Float64Array
  sum: number
}

/**
 * A histogram for values that are observed once per record or scrape. The histogram of prom-client
 * looks its labels up at each observation, which would cost a replaying shard a tenth of its rate.
 * The bucket bounds are fixed; there is one cell per label value.
 */
export class CellHistogram<L extends string> {
  readonly #cells = new Map<L, Cell>()

  /**
   * @param label the only label, with the values that are exposed before their first observation;
   *   null for a histogram without labels
   * @param bounds upper bounds, ascending, without infinity
   */
  constructor(
    readonly name: string,
    readonly help: string,
    private readonly label: { readonly name: string; readonly values: readonly L[] } | null,
    private readonly bounds: readonly number[],
  ) {
    for (const value of label?.values ?? ['' as L]) this.#cell(value)
  }

  observe(value: L, amount: number): void {
    const cell = this.#cells.get(value) ?? this.#cell(value)
    let i = 0
    while (i < this.bounds.length && amount > this.bounds[i]) i++
    cell.counts[i]++
    cell.sum += amount
  }

  register(registry: Registry): this {
    // A registry uses only the `name` and `get` of a metric.
    registry.registerMetric(this as never)
    return this
  }

  async get() {
    const values = [...this.#cells].flatMap(([value, cell]) => this.#valuesOf(value, cell))
    return { name: this.name, help: this.help, type: 'histogram', values, aggregator: 'sum' }
  }

  reset(): void {
    for (const cell of this.#cells.values()) {
      cell.counts.fill(0)
      cell.sum = 0
    }
  }

  #cell(value: L): Cell {
    const cell = { counts: new Float64Array(this.bounds.length + 1), sum: 0 }
    this.#cells.set(value, cell)
    return cell
  }

  #valuesOf(labelValue: L, { counts, sum }: Cell): Value[] {
    const labels: Record<string, string> = this.label ? { [this.label.name]: labelValue } : {}
    const values: Value[] = []
    let count = 0
    for (const [i, bound] of [...this.bounds, '+Inf'].entries()) {
      count += counts[i]
      values.push({
        labels: { le: bound, ...labels },
        value: count,
        metricName: `${this.name}_bucket`,
      })
    }
    values.push({ labels, value: sum, metricName: `${this.name}_sum` })
    values.push({ labels, value: count, metricName: `${this.name}_count` })
    return values
  }
}
