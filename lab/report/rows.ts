import { type Figure, VARIANTS, type Variant } from '../types.js'

/** A table row: the figures of one name and setting, by variant. */
export interface Row {
  readonly name: string
  readonly unit: string
  readonly byVariant: ReadonlyMap<Variant, Figure>
}

/** The rows of one setting. */
export interface RowGroup {
  readonly setting: string
  readonly rows: readonly Row[]
}

/**
 * Groups figures by setting, in order of first occurrence. Figures without a setting come first:
 * they have no heading, and would seem to belong to the setting above them.
 */
export function groupsOf(figures: readonly Figure[]): RowGroup[] {
  const groups = new Map<
    string,
    Map<string, { name: string; unit: string; byVariant: Map<Variant, Figure> }>
  >()
  for (const figure of figures) {
    const rows = groups.get(figure.setting) ?? new Map()
    groups.set(figure.setting, rows)
    const key = `${figure.name}\n${figure.unit}`
    const row = rows.get(key) ?? { name: figure.name, unit: figure.unit, byVariant: new Map() }
    rows.set(key, row)
    row.byVariant.set(figure.variant, figure)
  }
  return [...groups]
    .map(([setting, rows]) => ({ setting, rows: [...rows.values()] }))
    .sort((a, b) => Number(a.setting !== '') - Number(b.setting !== ''))
}

/** The variants of the figures, in the order of `VARIANTS`. */
export const variantsOf = (figures: readonly Figure[]): Variant[] =>
  VARIANTS.filter(variant => figures.some(figure => figure.variant === variant))
