import { type Collector, type FamilySpec, family } from '../collector.js'
import { count, fieldsOf, linesOf, UnexpectedContent } from '../parse.js'

const FILE = '/proc/meminfo'

/** Fields in kB, as in the file. node_exporter knows no others. */
const SIZES = [
  'Active',
  'Active(anon)',
  'Active(file)',
  'AnonHugePages',
  'AnonPages',
  'Bounce',
  'Buffers',
  'Cached',
  'CmaFree',
  'CmaTotal',
  'CommitLimit',
  'Committed_AS',
  'DirectMap1G',
  'DirectMap2M',
  'DirectMap4k',
  'Dirty',
  'HardwareCorrupted',
  'Hugepagesize',
  'Inactive',
  'Inactive(anon)',
  'Inactive(file)',
  'KernelStack',
  'Mapped',
  'MemAvailable',
  'MemFree',
  'MemTotal',
  'Mlocked',
  'NFS_Unstable',
  'PageTables',
  'Percpu',
  'SReclaimable',
  'SUnreclaim',
  'Shmem',
  'ShmemHugePages',
  'ShmemPmdMapped',
  'Slab',
  'SwapCached',
  'SwapFree',
  'SwapTotal',
  'Unevictable',
  'VmallocChunk',
  'VmallocTotal',
  'VmallocUsed',
  'Writeback',
  'WritebackTmp',
  'Zswap',
  'Zswapped',
]
/** Numbers of pages. */
const NUMBERS = ['HugePages_Free', 'HugePages_Rsvd', 'HugePages_Surp', 'HugePages_Total']

const memory = (field: string): FamilySpec =>
  family(`node_memory_${field}`, 'gauge', `Memory information field ${field}.`)

const sizes = new Map(
  SIZES.map(field => [`${field}:`, memory(`${field.replace(/\((\w+)\)/, '_$1')}_bytes`)]),
)
const numbers = new Map(NUMBERS.map(field => [`${field}:`, memory(field)]))

export const meminfo: Collector = (files, sink) => {
  for (const line of linesOf(files.proc('meminfo'))) {
    const [field, text, unit, ...rest] = fieldsOf(line)
    const value = count(FILE, text)
    if (rest.length > 0 || (unit !== undefined && unit !== 'kB'))
      throw new UnexpectedContent(FILE, 'unexpected unit', line)
    const size = unit && sizes.get(field)
    const number = numbers.get(field)
    if (size) sink.put(size, value * 1024)
    else if (number) sink.put(number, value)
  }
}
