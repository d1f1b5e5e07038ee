/**
 * Incarnations of relayed runs: snapshots that a gateway passes on for others. All gateways that
 * relay a target write the same run, so its records are numbered by their collection times.
 */
export const RELAYED_RUNS = { push: 0, mirror: 1 } as const
export type RelayedRun = keyof typeof RELAYED_RUNS

/** Lowest incarnation of a run that is not relayed. */
export const FIRST_NATIVE = 2

/** Maximum time by which the collection of a relayed snapshot may be after its append, ms. */
const MAX_AHEAD_MS = 10_000

export const isRelayed = (incarnation: number): boolean => incarnation < FIRST_NATIVE

/** The kind of a relayed run; null for any other run. */
export function relayedRun(incarnation: number): RelayedRun | null {
  if (incarnation === RELAYED_RUNS.push) return 'push'
  return incarnation === RELAYED_RUNS.mirror ? 'mirror' : null
}

/**
 * Why the number of a relayed record is refused: it would make repeats of all records before that
 * time. Undefined if it is not.
 */
export function aheadMessage(collectedAt: number, appendedAt: number): string | undefined {
  const ahead = collectedAt - appendedAt
  if (ahead <= MAX_AHEAD_MS) return undefined
  return `it was collected ${(ahead / 1000).toFixed(1)} s after it was appended; set the clock of its collector`
}
