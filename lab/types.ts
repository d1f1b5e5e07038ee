/** The ways to get an application's metrics into Prometheus that are compared, on the same applications in the same run. */
export const VARIANTS = ['direct', 'naive', 'naive with timestamps', 'ours'] as const
export type Variant = (typeof VARIANTS)[number]

/** One thing that was measured, by variant: a value for each repetition. */
export interface Figure {
  /** What it is, as people say it: "rate() error over 30 s, p99". */
  readonly name: string
  readonly variant: Variant
  /** What sets this figure apart from those of the same name: a size, a way of delay, an interval. May be empty. */
  readonly setting: string
  readonly unit: string
  /** One for each repetition, never rounded. Empty: it could not be measured, and `note` says why. */
  readonly values: readonly number[]
  readonly note?: string
}

/** A span or a moment that explains a plot: the outage, the death. In the plot's x. */
export interface Mark {
  readonly from: number
  readonly to?: number
  readonly label: string
}

export interface Line {
  readonly variant: Variant
  /** What sets it apart from another line of its variant; may be empty. */
  readonly label: string
  /** NaN as y: a gap. */
  readonly points: readonly (readonly [x: number, y: number])[]
}

interface PlotBase {
  readonly title: string
  /** What can be seen, in a sentence that is true of these figures. */
  readonly caption: string
  readonly x: string
  readonly y: string
  readonly lines: readonly Line[]
  readonly marks?: readonly Mark[]
}

export type Plot =
  /** x in seconds since the beginning. */
  | (PlotBase & { readonly kind: 'time'; readonly logY?: boolean })
  /** x a value, y the share of observations that are not above it, 0 to 1. */
  | (PlotBase & { readonly kind: 'distribution'; readonly logX?: boolean })
  /** Both axes logarithmic; a line ends where its variant falls over. */
  | (PlotBase & { readonly kind: 'scaling' })

/** What the figures say about one claim. */
export interface Verdict {
  /** What is claimed, by critics or by us, so that it can be false. */
  readonly claim: string
  /** Null: it could not be told. */
  readonly holds: boolean | null
  /** The figures that decide it, in a sentence. */
  readonly because: string
}

export interface Observed {
  readonly figures: readonly Figure[]
  readonly plots: readonly Plot[]
  /** What the experiment is about and could not be measured here, with the reason. */
  readonly notMeasured: readonly string[]
}

export interface ExperimentResult extends Observed {
  readonly name: string
  readonly title: string
  readonly question: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly verdicts: readonly Verdict[]
  readonly seconds: number
  /** Why it ended without a result. */
  readonly failed?: string
}

/** What report/results.json holds. */
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
