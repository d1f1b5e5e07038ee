/** One row of the table that `npm run bench` prints. */
export interface Row {
  /** What was done, with its sizes. */
  readonly work: string
  /** The measured figure with its unit, e.g. "16.2 M samples/CPU-s". */
  readonly figure: string
  /** What it is held against, or empty. */
  readonly goal?: string
  /** Conditions: runs, spread, record size, what was left out. */
  readonly note?: string
}

/** The table as aligned text. */
export function table(rows: readonly Row[]): string {
  const cells = [
    ['work', 'figure', 'goal', 'note'],
    ...rows.map(r => [r.work, r.figure, r.goal ?? '', r.note ?? '']),
  ]
  const widths = [0, 1, 2, 3].map(column => Math.max(...cells.map(row => row[column].length)))
  return cells
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The middle of an odd number of figures, the mean of the two in the middle of an even one. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** "12.3 (11.9–13.0)": median and range. */
export function spread(figures: readonly number[], digits = 1): string {
  const text = (n: number) => n.toFixed(digits)
  if (figures.length < 2) return text(median(figures))
  return `${text(median(figures))} (${text(Math.min(...figures))}–${text(Math.max(...figures))})`
}
