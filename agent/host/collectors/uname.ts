import { type Collector, family, type SystemFacts } from '../collector.js'

const INFO = family(
  'node_uname_info',
  'gauge',
  'Labeled system information as provided by the uname system call.',
  ['sysname', 'release', 'version', 'machine', 'nodename', 'domainname'],
)

/** The names of the host may change while the kernel runs; the rest cannot. */
export const uname =
  ({ sysname, release, version, machine }: SystemFacts): Collector =>
  (files, sink) => {
    const nodename = files.proc('sys/kernel/hostname').trimEnd()
    const domainname = files.proc('sys/kernel/domainname').trimEnd()
    sink.put(INFO, 1, sysname, release, version, machine, nodename, domainname)
  }
