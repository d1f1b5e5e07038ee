import { type Collector, type FamilySpec, family, isMissing } from '../collector.js'
import { count, linesOf, UnexpectedContent } from '../parse.js'

interface Resource {
  readonly name: string
  readonly waiting?: FamilySpec
  readonly stalled?: FamilySpec
}

const counter = (name: string, help: string) =>
  family(`node_pressure_${name}_seconds_total`, 'counter', `Total time in seconds ${help}`)

const RESOURCES: readonly Resource[] = [
  {
    name: 'cpu',
    waiting: counter('cpu_waiting', 'that processes have waited for CPU time'),
  },
  {
    name: 'io',
    waiting: counter('io_waiting', 'that processes have waited due to IO congestion'),
    stalled: counter('io_stalled', 'no process could make progress due to IO congestion'),
  },
  {
    name: 'memory',
    waiting: counter('memory_waiting', 'that processes have waited for memory'),
    stalled: counter('memory_stalled', 'no process could make progress due to memory congestion'),
  },
  {
    name: 'irq',
    stalled: counter('irq_stalled', 'no process could make progress due to IRQ congestion'),
  },
]

/** It fails on a kernel without pressure stall information, as in node_exporter. */
export const pressure: Collector = (files, sink) => {
  let found = 0
  for (const { name, waiting, stalled } of RESOURCES) {
    const file = `/proc/pressure/${name}`
    let text: string
    try {
      text = files.proc(`pressure/${name}`)
    } catch (error) {
      if (isMissing(error)) continue
      throw error
    }
    if (waiting) sink.put(waiting, secondsOf(file, text, 'some'))
    if (stalled) sink.put(stalled, secondsOf(file, text, 'full'))
    found++
  }
  if (found === 0)
    throw new Error('/proc/pressure is missing: the kernel has no pressure stall information')
}

/** The file counts microseconds. */
function secondsOf(file: string, text: string, kind: 'some' | 'full'): number {
  const line = linesOf(text).find(line => line.startsWith(`${kind} `))
  const total = line?.match(/ total=([0-9]+)$/)?.[1]
  if (total === undefined) throw new UnexpectedContent(file, `no total of ${kind}`, text)
  return count(file, total) / 1000 / 1000
}
