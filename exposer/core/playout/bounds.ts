/** Snapshots of a target that wait for their time; a producer whose clock is ahead must not pile them up. */
export const MAX_HELD = 64
