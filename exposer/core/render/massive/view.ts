/** Views of the massive target: how `/metrics` exposes samples. */
export const VIEWS = ['latest', 'timestamped', 'all'] as const
export type View = (typeof VIEWS)[number]
