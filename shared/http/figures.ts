import { Counter, Gauge, type Registry } from 'prom-client'

/** A number that is read at each collection. A name that ends with `_total` is a counter. */
export interface Figure {
  readonly name: string
  readonly help: string
  /** Undefined: the metric has no sample now. */
  readonly read: () => number | undefined
}

export function registerFigures(registry: Registry, figures: readonly Figure[]): void {
  const registers = [registry]
  for (const { name, help, read } of figures) {
    const isCounter = name.endsWith('_total')
    const collect = function (this: Counter | Gauge) {
      this.reset()
      const value = read()
      if (value === undefined) this.remove()
      else if (isCounter) this.inc(value)
      else (this as Gauge).set(value)
    }
    if (isCounter) new Counter({ name, help, registers, collect })
    else new Gauge({ name, help, registers, collect })
  }
}
