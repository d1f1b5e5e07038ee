import { createHash } from 'node:crypto'
import { Slice } from '../../shared/base/scheduling.js'
import { joined } from './lists.js'

/** Tags of lists that may be requested again within the second for which they are cached. */
const tags = new WeakMap<readonly string[], Promise<string>>()

/** The entity tag of a list (RFC 9110, section 8.8.3). */
export function tagOf(lines: readonly string[]): Promise<string> {
  const known = tags.get(lines) ?? hashed(lines)
  tags.set(lines, known)
  return known
}

/** Whether the client has the list already. Proxies may mark the tag as weak, or as strong. */
export function isKnown(tag: string, ifNoneMatch: string): boolean {
  const known = ifNoneMatch.split(',').map(text => text.trim().replace(/^W\//, ''))
  return known.includes(tag.replace(/^W\//, ''))
}

/** Weak, because the same list may be sent compressed. */
async function hashed(lines: readonly string[]): Promise<string> {
  const hash = createHash('sha1')
  const slice = new Slice()
  const chunks = joined('', lines, '\n', '')
  for (let chunk = chunks.next(); ; chunk = chunks.next()) {
    if (chunk.done) return `W/"${hash.digest('base64url')}"`
    hash.update(chunk.value)
    if (slice.isOver()) await slice.next()
  }
}
