/**
 * The compared transports from an application to Prometheus. All read the same applications in the
 * same run.
 */
export const VARIANTS = [
  'direct',
  'naive',
  'naive with timestamps',
  'kafka-exposer',
  'remote write',
] as const
export type Variant = (typeof VARIANTS)[number]

/** One measured quantity of one variant: one value per repetition. */
export interface Figure {
  /** The quantity, for example "rate() error over 30s, live, p99". */
  readonly name: string
  readonly variant: Variant
  /**
   * Distinguishes figures of the same name: a size, a delay distribution, an interval. May be
   * empty.
   */
  readonly setting: string
  readonly unit: string
  /**
   * One value per repetition, not rounded. Empty if it could not be measured; `note` then has the
   * reason.
   */
  readonly values: readonly number[]
  readonly note?: string
}

/**
 * An annotated time range of a plot, or an annotated instant without `to`. In units of the x axis.
 */
export interface Mark {
  readonly from: number
  readonly to?: number
  readonly label: string
}

export interface Line {
  readonly variant: Variant
  /** Distinguishes lines of the same variant. May be empty. */
  readonly label: string
  /** NaN as y is a gap. */
  readonly points: readonly (readonly [x: number, y: number])[]
}

interface PlotBase {
  readonly title: string
  /** One or two sentences on what the plot shows. */
  readonly caption: string
  readonly x: string
  readonly y: string
  readonly lines: readonly Line[]
  readonly marks?: readonly Mark[]
}

export type Plot =
  /** x in seconds since the start of the measurement. */
  | (PlotBase & { readonly kind: 'time'; readonly logY?: boolean })
  /** Cumulative distribution: y is the share of observations that are at most x, 0 to 1. */
  | (PlotBase & { readonly kind: 'distribution'; readonly logX?: boolean })
  /** Both axes logarithmic. A line ends at the last size or load that its variant sustained. */
  | (PlotBase & { readonly kind: 'scaling' })

/** The result for one claim. */
export interface Verdict {
  /** A falsifiable statement. */
  readonly claim: string
  /** Null if the figures do not decide it. */
  readonly holds: boolean | null
  /** The deciding figures, as one sentence. */
  readonly because: string
}

export interface Observations {
  readonly figures: readonly Figure[]
  readonly plots: readonly Plot[]
  /** Quantities of the experiment that were not measured in this run, each with the reason. */
  readonly notMeasured: readonly string[]
}

export interface ExperimentResult extends Observations {
  readonly name: string
  readonly title: string
  readonly question: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly verdicts: readonly Verdict[]
  readonly seconds: number
  /** The error, with its stack, if the experiment failed. */
  readonly failed?: string
}

/** The content of `results.json`. */
export interface Results {
  readonly format: 1
  readonly startedAt: string
  readonly seconds: number
  readonly edition: 'short' | 'full' | 'custom'
  readonly seed: number
  readonly versions: Readonly<Record<string, string>>
  readonly machine: Readonly<Record<string, string | number>>
  readonly experiments: readonly ExperimentResult[]
}
