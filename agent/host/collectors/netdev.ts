import { type Collector, type FamilySpec, family, optional } from '../collector.js'
import { count, fieldsOf, linesOf, UnexpectedContent } from '../parse.js'

const FILE = '/proc/net/dev'

const statistic = (name: string): FamilySpec =>
  family(`node_network_${name}_total`, 'counter', `Network device statistic ${name}.`, ['device'])

/** In the order of the columns. */
const COLUMNS = [
  'receive_bytes',
  'receive_packets',
  'receive_errs',
  'receive_drop',
  'receive_fifo',
  'receive_frame',
  'receive_compressed',
  'receive_multicast',
  'transmit_bytes',
  'transmit_packets',
  'transmit_errs',
  'transmit_drop',
  'transmit_fifo',
  'transmit_colls',
  'transmit_carrier',
  'transmit_compressed',
].map(statistic)
const NO_HANDLER = statistic('receive_nohandler')

/**
 * node_exporter asks by netlink, which Node.js has not. The file has the same numbers, added up in
 * the same way, but for packets without a handler, which are in /sys.
 */
export const netdev: Collector = (files, sink) => {
  for (const line of linesOf(files.proc('net/dev')).slice(2)) {
    const colon = line.lastIndexOf(':')
    const device = line.slice(0, colon).trim()
    const fields = fieldsOf(line.slice(colon + 1))
    if (colon < 0 || device === '' || fields.length < COLUMNS.length)
      throw new UnexpectedContent(FILE, 'unexpected line', line)
    COLUMNS.forEach((column, i) => {
      sink.put(column, count(FILE, fields[i]), device)
    })
    // A name with a slash or a dot would be a path.
    if (/^[^/.][^/]*$/.test(device)) {
      const path = `class/net/${device}/statistics/rx_nohandler`
      const dropped = optional(() => files.sys(path))
      if (dropped !== null) sink.put(NO_HANDLER, count(`/sys/${path}`, dropped.trimEnd()), device)
    }
  }
}
