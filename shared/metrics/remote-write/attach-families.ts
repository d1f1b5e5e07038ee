import type { Steps } from '../../base/steps.js'
import type { RequestColumns } from './columns.js'
import { WRITE_TYPES, type WrittenFamily } from './request.js'

const NAME = '__name__'
const SERIES_PER_STEP = 1000
/** Suffixes of series, by the type of the family. Counters may be named with theirs or without. */
const SUFFIXES: readonly { readonly suffix: string; readonly types: readonly string[] }[] = [
  { suffix: '_bucket', types: ['histogram', 'gaugehistogram'] },
  { suffix: '_sum', types: ['histogram', 'summary'] },
  { suffix: '_count', types: ['histogram', 'summary'] },
  { suffix: '_gsum', types: ['gaugehistogram'] },
  { suffix: '_gcount', types: ['gaugehistogram'] },
  { suffix: '_total', types: ['counter'] },
  { suffix: '_info', types: ['info'] },
]

/** Sets the metadata of series to that of their families, where a 1.0 request has both. */
export function* attachFamilies(columns: RequestColumns): Steps<void> {
  const { families, series, symbols, labelRefs, labelsFrom } = columns
  if (families.length === 0 || series === 0) return
  const byName = new Map(families.map(family => [family.name, family]))
  for (let s = 0; s < series; s++) {
    for (let i = labelsFrom[s]; i < labelsFrom[s + 1]; i += 2) {
      if (symbols[labelRefs[i]] !== NAME) continue
      const family = familyOf(symbols[labelRefs[i + 1]], byName)
      if (family) attach(columns, s, family)
      break
    }
    if (s % SERIES_PER_STEP === 0) yield
  }
}

function attach(columns: RequestColumns, s: number, family: WrittenFamily): void {
  columns.types[s] = WRITE_TYPES.indexOf(family.type)
  columns.helpRefs[s] = family.helpRef
  columns.unitRefs[s] = family.unitRef
  family.isAttached = true
}

function familyOf(
  name: string,
  byName: ReadonlyMap<string, WrittenFamily>,
): WrittenFamily | undefined {
  const same = byName.get(name)
  if (same) return same
  for (const { suffix, types } of SUFFIXES) {
    if (!name.endsWith(suffix)) continue
    const family = byName.get(name.slice(0, -suffix.length))
    if (family && types.includes(family.type)) return family
  }
  return undefined
}
