import { type Collector, family } from '../collector.js'
import { decimal, fieldsOf } from '../parse.js'

const LOADS = [
  family('node_load1', 'gauge', '1m load average.'),
  family('node_load5', 'gauge', '5m load average.'),
  family('node_load15', 'gauge', '15m load average.'),
]

export const loadavg: Collector = (files, sink) => {
  const fields = fieldsOf(files.proc('loadavg'))
  LOADS.forEach((load, i) => {
    sink.put(load, decimal('/proc/loadavg', fields[i]))
  })
}
