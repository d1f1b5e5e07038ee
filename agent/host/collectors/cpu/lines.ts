import { count, fieldsOf, linesOf, UnexpectedContent } from '../../parse.js'

const FILE = '/proc/stat'
/** Ticks per second of the times in /proc on all architectures that Node.js runs on. */
const USER_HZ = 100

/** Modes in the order of the columns. Older kernels have fewer. */
export const MODES: readonly { readonly mode: string; readonly guest: boolean }[] = [
  { mode: 'user', guest: false },
  { mode: 'nice', guest: false },
  { mode: 'system', guest: false },
  { mode: 'idle', guest: false },
  { mode: 'iowait', guest: false },
  { mode: 'irq', guest: false },
  { mode: 'softirq', guest: false },
  { mode: 'steal', guest: false },
  { mode: 'user', guest: true },
  { mode: 'nice', guest: true },
]

/** Seconds by mode, in the order of `MODES`. */
export type CpuTimes = readonly number[]

/**
 * Times of the CPUs that are online, by their number.
 *
 * @throws UnexpectedContent
 */
export function cpuLinesOf(text: string): ReadonlyMap<string, CpuTimes> {
  const cpus = new Map<string, CpuTimes>()
  for (const line of linesOf(text)) {
    if (!line.startsWith('cpu')) {
      // They are at the beginning of the file.
      if (cpus.size > 0) break
      continue
    }
    const [name, ...fields] = fieldsOf(line)
    if (name === 'cpu') continue
    const cpu = name.slice('cpu'.length)
    if (!/^(0|[1-9][0-9]{0,8})$/.test(cpu) || cpus.has(cpu) || fields.length === 0)
      throw new UnexpectedContent(FILE, 'unexpected line', line)
    cpus.set(
      cpu,
      MODES.map((_, i) => (i < fields.length ? count(FILE, fields[i]) / USER_HZ : 0)),
    )
  }
  if (cpus.size === 0) throw new UnexpectedContent(FILE, 'no CPUs', text)
  return cpus
}
