import type { Figure, Variant } from '../types.js'

/** Series of the lab in Prometheus carry the variant that brought them. */
export const VARIANT_SELECTOR = '{variant!=""}'

/** What was measured of this, over all repetitions and settings that match; empty when it was not. */
export function figureOf(
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
