import { createHmac, randomBytes } from 'node:crypto'

/** Compares passwords with hashes. */
export interface PasswordComparer {
  /** Number of comparisons that have not completed. */
  readonly pending: number
  compare(password: string, hash: string): Promise<boolean>
}

/** `busy`: not compared, because too many comparisons are pending. */
export type Verdict = 'known' | 'unknown' | 'busy'

/** Size of the cache of verified credentials. One Prometheus server uses one entry. */
const MAX_CACHED = 1000
/** At 100 ms each, the last one completes within the default scrape timeout of 10 s. */
const MAX_PENDING = 100
const DEFAULT_COST = 10

/**
 * Verifies credentials of basic authentication.
 *
 * Verified credentials are cached as keyed digests, not as passwords. When the users change, a new
 * instance is created.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7617
 */
export class Users {
  readonly #secret = randomBytes(32)
  /** Digests of verified credentials, least recently used first. */
  readonly #verified = new Set<string>()
  readonly #comparing = new Map<string, Promise<boolean>>()
  readonly #dummyHash: string

  /** @param hashes bcrypt hashes by user; empty: no authentication */
  constructor(
    private readonly hashes: ReadonlyMap<string, string>,
    private readonly comparer: PasswordComparer,
  ) {
    this.#dummyHash = dummyHash(hashes.values())
  }

  /** Whether requests need credentials. */
  get required(): boolean {
    return this.hashes.size > 0
  }

  /** @param authorization the Authorization header */
  async judge(authorization: string | undefined): Promise<Verdict> {
    const credentials = credentialsOf(authorization)
    if (!credentials) return 'unknown'
    const { user, password } = credentials
    const digest = createHmac('sha256', this.#secret)
      .update(JSON.stringify([user, password]))
      .digest('base64')
    if (this.#verified.delete(digest)) {
      this.#verified.add(digest)
      return 'known'
    }
    let comparing = this.#comparing.get(digest)
    if (!comparing) {
      if (this.comparer.pending >= MAX_PENDING) return 'busy'
      comparing = this.#compare(user, password, digest).finally(() =>
        this.#comparing.delete(digest),
      )
      this.#comparing.set(digest, comparing)
    }
    return (await comparing) ? 'known' : 'unknown'
  }

  /**
   * Compares unknown users with a dummy hash: the response time must not reveal which users exist.
   */
  async #compare(user: string, password: string, digest: string): Promise<boolean> {
    const hash = this.hashes.get(user)
    const same = await this.comparer.compare(password, hash ?? this.#dummyHash)
    if (hash === undefined || !same) return false
    if (this.#verified.size >= MAX_CACHED)
      this.#verified.delete(this.#verified.values().next().value!)
    this.#verified.add(digest)
    return true
  }
}

function credentialsOf(
  authorization: string | undefined,
): { user: string; password: string } | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})\s*$/i.exec(authorization ?? '') ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Returns a hash of an unknown password, with the highest cost of the users' hashes. */
function dummyHash(hashes: Iterable<string>): string {
  let cost = 0
  for (const hash of hashes) cost = Math.max(cost, Number(hash.split('$')[2]))
  const random = randomBytes(64).toString('base64').replace(/[+=]/g, '.')
  // The last character of a salt encodes only two bits.
  return `$2b$${String(cost || DEFAULT_COST).padStart(2, '0')}$${random.slice(0, 21)}.${random.slice(22, 53)}`
}
