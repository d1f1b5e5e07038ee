import { createHash } from 'node:crypto'

/** Maximum length of a `group.instance.id`, as in Kafka's own consumer. */
const MAX_LENGTH = 249
const HASH_LENGTH = 16

/**
 * The `group.instance.id` of a member with this address: every character that Kafka does not allow
 * becomes `_`. The end of an id that is too long is replaced by a hash of the address.
 */
export function instanceIdOf(address: string): string {
  const id = address.replace(/[^a-zA-Z0-9._-]/g, '_')
  if (id.length <= MAX_LENGTH) return id
  const hash = createHash('sha256').update(address).digest('hex').slice(0, HASH_LENGTH)
  return `${id.slice(0, MAX_LENGTH - HASH_LENGTH - 1)}-${hash}`
}
