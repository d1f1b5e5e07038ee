import { type Collector, type FamilySpec, family, type HostFiles, optional } from '../collector.js'
import { count, fieldsOf, linesOf } from '../parse.js'
import { putUdevInfo, udevProperties } from './diskstats/udev.js'

const FILE = '/proc/diskstats'
/** The default of node_exporter's `--collector.diskstats.device-exclude`. */
const EXCLUDED = /^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$/

const SECTOR_BYTES = 512
const SECONDS_PER_TICK = 1 / 1000

interface Column {
  readonly family: FamilySpec
  readonly factor: number
}

const column = (name: string, help: string, factor = 1): Column => ({
  family: family(`node_disk_${name}`, name.endsWith('_total') ? 'counter' : 'gauge', help, [
    'device',
  ]),
  factor,
})

/** Columns after the numbers and the name of the device, in order. Older kernels have fewer. */
const COLUMNS: readonly Column[] = [
  column('reads_completed_total', 'The total number of reads completed successfully.'),
  column('reads_merged_total', 'The total number of reads merged.'),
  column('read_bytes_total', 'The total number of bytes read successfully.', SECTOR_BYTES),
  column(
    'read_time_seconds_total',
    'The total number of seconds spent by all reads.',
    SECONDS_PER_TICK,
  ),
  column('writes_completed_total', 'The total number of writes completed successfully.'),
  column('writes_merged_total', 'The number of writes merged.'),
  column('written_bytes_total', 'The total number of bytes written successfully.', SECTOR_BYTES),
  column(
    'write_time_seconds_total',
    'This is the total number of seconds spent by all writes.',
    SECONDS_PER_TICK,
  ),
  column('io_now', 'The number of I/Os currently in progress.'),
  column('io_time_seconds_total', 'Total seconds spent doing I/Os.', SECONDS_PER_TICK),
  column(
    'io_time_weighted_seconds_total',
    'The weighted # of seconds spent doing I/Os.',
    SECONDS_PER_TICK,
  ),
  column('discards_completed_total', 'The total number of discards completed successfully.'),
  column('discards_merged_total', 'The total number of discards merged.'),
  column('discarded_sectors_total', 'The total number of sectors discarded successfully.'),
  column(
    'discard_time_seconds_total',
    'This is the total number of seconds spent by all discards.',
    SECONDS_PER_TICK,
  ),
  column('flush_requests_total', 'The total number of flush requests completed successfully'),
  column(
    'flush_requests_time_seconds_total',
    'This is the total number of seconds spent by all flush requests.',
    SECONDS_PER_TICK,
  ),
]
/** Lines with fewer columns are those of partitions on kernels before 2.6.25. */
const MIN_COLUMNS = 11

const INFO = family('node_disk_info', 'gauge', 'Info of /sys/block/<block_device>.', [
  'device',
  'major',
  'minor',
  'path',
  'wwn',
  'model',
  'serial',
  'revision',
  'rotational',
])

export const diskstats: Collector = (files, sink) => {
  for (const line of linesOf(files.proc('diskstats'))) {
    const [major, minor, device, ...fields] = fieldsOf(line)
    const numbers = [major, minor].map(text => String(count(FILE, text)))
    if (device === undefined || EXCLUDED.test(device) || fields.length < MIN_COLUMNS) continue
    const udev = udevProperties(files, numbers[0], numbers[1])
    sink.put(
      INFO,
      1,
      device,
      ...numbers,
      udev.get('ID_PATH') ?? '',
      udev.get('ID_WWN') ?? '',
      udev.get('ID_MODEL') ?? '',
      udev.get('SCSI_IDENT_SERIAL') || udev.get('ID_SERIAL_SHORT') || udev.get('ID_SERIAL') || '',
      udev.get('ID_REVISION') ?? '',
      rotational(files, device),
    )
    for (let i = 0; i < Math.min(fields.length, COLUMNS.length); i++) {
      const { family, factor } = COLUMNS[i]
      sink.put(family, count(FILE, fields[i]) * factor, device)
    }
    putUdevInfo(udev, device, sink)
  }
}

/** The kernel has `!` in /sys for a slash in the name of a device. */
function rotational(files: HostFiles, device: string): string {
  if (device.startsWith('.')) return '0'
  const path = `block/${device.replaceAll('/', '!')}/queue/rotational`
  return optional(() => files.sys(path))?.trimEnd() === '1' ? '1' : '0'
}
