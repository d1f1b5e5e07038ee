/** Differences from Pushgateway 1.11.2, with their reasons. Also a table in docs/gateway.md. */
export const DIFFERENCES = {
  'not UTF-8': 'A grouping label that is not UTF-8 is refused and nothing is stored',
  NUL: 'A NUL in a grouping label is refused',
  'other encodings': 'A content coding other than gzip and snappy is 415',
  'own metrics': 'Metrics of the gateway itself are at `/telemetry`, and their names are free',
  'bucket twice': 'A bucket or quantile that occurs twice is exposed once',
  'fractional count': 'The count of a summary is not truncated',
  'no bound': 'A histogram or summary with no usable sample is left out',
  'reserved labels': 'Labels that begin with two underscores are refused also unchecked',
  timestamps: 'A push with timestamps is 400 also without the consistency check',
  'number label': 'A grouping label `le` or `quantile` refuses histograms or summaries',
  'failure time': 'The failure time cannot be pushed',
  'other spelling': 'A path in another case, or without a job, is 404 and no redirect',
  'protobuf names': 'Invalid names in protobuf are refused',
  'family twice': 'A family that occurs twice in protobuf is merged',
  conflicts: 'Unchecked pushes in conflict do not break `/metrics`',
  'empty instance': 'A group with an empty `instance` may exist beside the one without',
  HEAD: '`HEAD` is supported',
} as const
export type Difference = keyof typeof DIFFERENCES
