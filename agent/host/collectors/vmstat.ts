import { type Collector, type FamilySpec, family } from '../collector.js'
import { count, fieldsOf, linesOf, UnexpectedContent } from '../parse.js'

const FILE = '/proc/vmstat'
/** The default of node_exporter's `--collector.vmstat.fields`. */
const FIELDS = /^(oom_kill|pgpg|pswp|pg.*fault).*/

/** Families by field, bounded by what a kernel has: about twenty match. */
const families = new Map<string, FamilySpec>()
const MAX_FAMILIES = 1000

export const vmstat: Collector = (files, sink) => {
  for (const line of linesOf(files.proc('vmstat'))) {
    const [field, text] = fieldsOf(line)
    const value = count(FILE, text)
    if (FIELDS.test(field)) sink.put(familyOf(field), value)
  }
}

function familyOf(field: string): FamilySpec {
  let found = families.get(field)
  if (!found) {
    if (!/^\w+$/.test(field) || families.size >= MAX_FAMILIES)
      throw new UnexpectedContent(FILE, 'unexpected field', field)
    const help = `/proc/vmstat information field ${field}.`
    found = family(`node_vmstat_${field}`, 'unknown', help)
    families.set(field, found)
  }
  return found
}
