/** How samples are exposed in the massive view. */
export const VIEWS = ['latest', 'timestamped', 'all'] as const
export type View = (typeof VIEWS)[number]
