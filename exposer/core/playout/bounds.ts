/** Maximum number of held snapshots of a target, also if the producer's clock is ahead. */
export const MAX_HELD = 64
