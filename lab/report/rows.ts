import { type Figure, VARIANTS, type Variant } from '../types.js'

/** The figures that belong side by side: of one name and setting, by variant. */
export interface Row {
  readonly name: string
  readonly unit: string
  readonly byVariant: ReadonlyMap<Variant, Figure>
}

export interface Group {
  readonly setting: string
  readonly rows: readonly Row[]
}

/** Figures as a table shows them, by setting in the order in which these first came. */
export function groupsOf(figures: readonly Figure[]): Group[] {
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
  return [...groups].map(([setting, rows]) => ({ setting, rows: [...rows.values()] }))
}

/** The variants that have a figure or a line at all, in the order of all reports. */
export const variantsOf = (of: readonly { readonly variant: Variant }[]): Variant[] =>
  VARIANTS.filter(variant => of.some(one => one.variant === variant))
