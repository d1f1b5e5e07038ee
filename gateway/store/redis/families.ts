import { runInSlices } from '../../../shared/base/steps.js'
import { BytesReader } from '../../../shared/snapshot/bytes-reader.js'
import { BytesWriter } from '../../../shared/snapshot/bytes-writer.js'
import { accumulate } from '../../state/accumulate.js'
import { inconsistency } from '../../state/consistency.js'
import { checkFamily, readFamily, writeFamily } from '../../state/family-codec.js'
import { isPushTime } from '../../state/group.js'
import { GroupTable } from '../../state/group-table.js'
import type { PushedFamily, PushRequest } from '../../state/types.js'

export interface EncodedFamilies {
  readonly all: Buffer
  /** The content of each family, as a part of `all`. */
  readonly each: readonly Buffer[]
}

export function encodeFamilies(families: readonly PushedFamily[]): EncodedFamilies {
  let bytes = 0
  for (const { series, values, help, name } of families)
    bytes += 32 + series.length + values.length * 8 + 3 * (help.length + name.length)
  const writer = new BytesWriter(bytes)
  const ends = families.map(family => {
    writeFamily(writer, family)
    return writer.length
  })
  const all = writer.toBuffer()
  return { all, each: ends.map((end, i) => all.subarray(i === 0 ? 0 : ends[i - 1], end)) }
}

/** @throws FormatError or RefusedError */
export function decodeFamily(content: Buffer): PushedFamily {
  const reader = new BytesReader('record')
  reader.reset(content)
  const family = readFamily(reader)
  reader.expectEnd()
  return family
}

/**
 * The families of a request as they are stored: without the push times, which belong to the
 * gateway, and the last one of several with one name, which only an unchecked push can have.
 */
export function storedFamilies({ families, checked }: PushRequest): readonly PushedFamily[] {
  const stored = families.filter(({ name }) => !isPushTime(name))
  if (checked) return stored
  return [...new Map(stored.map(family => [family.name, family])).values()]
}

/** Why a push is inconsistent with itself. */
export function ownInconsistency(families: readonly PushedFamily[]): Promise<string | undefined> {
  const candidates = families.map(family => ({ family, isSame: false }))
  return runInSlices(inconsistency(new GroupTable(), undefined, candidates, 'remove'))
}

/**
 * Adds pushed families to those of the push group.
 *
 * @returns why they cannot be added, as a text
 * @throws FormatError or RefusedError if a stored family is malformed
 */
export async function accumulated(
  stored: readonly Buffer[],
  pushed: readonly PushedFamily[],
): Promise<readonly PushedFamily[] | string> {
  const byName = new Map(stored.map(decodeFamily).map(family => [family.name, family]))
  const sums: PushedFamily[] = []
  for (const family of pushed) {
    const before = byName.get(family.name)
    if (before) await runInSlices(checkFamily(before))
    const sum = await runInSlices(accumulate(before, family))
    if ('refusal' in sum) return sum.refusal
    sums.push(sum.family)
  }
  return sums
}
