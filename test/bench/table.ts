/** One row of the table that `npm run bench` prints. */
export interface Row {
  /** The measured work, with sizes. */
  readonly work: string
  /** The figure with its unit: "16.2 M samples/CPU-s". */
  readonly figure: string
  /** The goal of the figure, if any. */
  readonly goal?: string
  /** Conditions, such as runs, spread, record size and exclusions. */
  readonly note?: string
  /** Whether the measurement failed. */
  readonly failed?: boolean
}

/** The row of a measurement that failed. */
export function failedRow(work: string, error: unknown): Row {
  const { cause } = error as Error
  const note = cause === undefined ? String(error) : `${error}: ${cause}`
  return { work, figure: 'not measured', note, failed: true }
}

/** Formats the rows as aligned text. */
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

export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Median and range: "12.3 (11.9–13.0)". */
export function spread(figures: readonly number[], digits = 1): string {
  const text = (n: number) => n.toFixed(digits)
  if (figures.length < 2) return text(median(figures))
  return `${text(median(figures))} (${text(Math.min(...figures))}–${text(Math.max(...figures))})`
}
