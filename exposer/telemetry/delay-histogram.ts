import type { Registry } from 'prom-client'

interface Value {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly metricName: string
}

/**
 * A histogram for what is observed once per record: prom-client's own looks its labels up each time, which would cost a
 * draining shard a tenth of its rate. Bounds are fixed, a cell per bound and label value.
 */
export class DelayHistogram<L extends string> {
  readonly #cells: Readonly<Record<L, { readonly counts: Float64Array; sum: number }>>

  /**
   * @param label the only label, and its values
   * @param bounds upper bounds, ascending, without infinity
   */
  constructor(
    readonly name: string,
    readonly help: string,
    private readonly label: { readonly name: string; readonly values: readonly L[] },
    private readonly bounds: readonly number[],
  ) {
    this.#cells = Object.fromEntries(
      label.values.map(value => [value, { counts: new Float64Array(bounds.length + 1), sum: 0 }]),
    ) as Record<L, { counts: Float64Array; sum: number }>
  }

  observe(value: L, seconds: number): void {
    const cell = this.#cells[value]
    let i = 0
    while (i < this.bounds.length && seconds > this.bounds[i]) i++
    cell.counts[i]++
    cell.sum += seconds
  }

  register(registry: Registry): this {
    // All that a registry asks of a metric is its name and `get`.
    registry.registerMetric(this as never)
    return this
  }

  async get() {
    const values = this.label.values.flatMap(value => this.#valuesOf(value))
    return { name: this.name, help: this.help, type: 'histogram', values, aggregator: 'sum' }
  }

  reset(): void {
    for (const value of this.label.values) {
      this.#cells[value].counts.fill(0)
      this.#cells[value].sum = 0
    }
  }

  #valuesOf(labelValue: L): Value[] {
    const { counts, sum } = this.#cells[labelValue]
    const labels = { [this.label.name]: labelValue }
    const values: Value[] = []
    let count = 0
    for (const [i, bound] of [...this.bounds, '+Inf'].entries()) {
      count += counts[i]
      values.push({ labels: { le: bound, ...labels }, value: count, metricName: `${this.name}_bucket` })
    }
    values.push({ labels, value: sum, metricName: `${this.name}_sum` })
    values.push({ labels, value: count, metricName: `${this.name}_count` })
    return values
  }
}
