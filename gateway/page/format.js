const count = new Intl.NumberFormat('en')
const bytes = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

export const formatCount = number => count.format(number)

/** `1 sample`, `1,000 samples` */
export const formatSamples = number =>
  `${formatCount(number)} ${number === 1 ? 'sample' : 'samples'}`

export function formatBytes(number) {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  let unit = 0
  let rest = number
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024
    unit++
  }
  return `${bytes.format(rest)} ${units[unit]}`
}

/** Two units of a duration in milliseconds: `3m 20s`. */
export function formatDuration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([value]) => value > 0)
  if (first < 0) return '0s'
  return parts
    .slice(first, first + 2)
    .filter(([value], i) => i === 0 || value > 0)
    .map(([value, unit]) => `${value}${unit}`)
    .join(' ')
}
