import type { Figure, Variant } from './types.js'

/**
 * All values of the matching figures, of every repetition and, without `setting`, of every setting.
 */
export function valuesOf(
  figures: readonly Figure[],
  name: string,
  variant: Variant,
  setting?: string,
): number[] {
  return figures
    .filter(
      figure =>
        figure.name === name &&
        figure.variant === variant &&
        (setting === undefined || figure.setting === setting),
    )
    .flatMap(figure => figure.values)
}

/** Figures of the same name, variant and setting become one figure with the values of all. */
export function mergeFigures(figures: readonly Figure[]): Figure[] {
  const merged = new Map<string, Figure>()
  for (const figure of figures) {
    const key = JSON.stringify([figure.name, figure.variant, figure.setting])
    const existing = merged.get(key)
    merged.set(
      key,
      existing ? { ...existing, values: [...existing.values, ...figure.values] } : figure,
    )
  }
  return [...merged.values()]
}

export const isKnown = (...values: readonly number[]): boolean => values.every(Number.isFinite)
