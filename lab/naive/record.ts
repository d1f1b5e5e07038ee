/** A record of the naive publisher: one metric family of a target with all its samples, as JSON. */
export interface NaiveRecord {
  /** Labels of the target. */
  readonly labels: Readonly<Record<string, string>>
  /** Time of the collection, Unix ms. */
  readonly timestamp: number
  readonly name: string
  readonly type: string
  readonly samples: readonly (readonly [
    name: string,
    labels: Readonly<Record<string, string | number>>,
    value: number,
  ])[]
}
