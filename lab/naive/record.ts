/** What the naive publisher puts into Kafka: a metric of a target with all of its samples, as JSON. One record for each metric and interval. */
export interface NaiveRecord {
  readonly labels: Readonly<Record<string, string>>
  /** Unix ms of the collection. */
  readonly timestamp: number
  readonly name: string
  readonly type: string
  readonly samples: readonly (readonly [
    name: string,
    labels: Readonly<Record<string, string | number>>,
    value: number,
  ])[]
}
