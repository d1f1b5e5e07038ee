import { createHmac, randomBytes } from 'node:crypto'

/** Compares passwords with hashes. */
export interface PasswordComparer {
  /** Expected time until all pending comparisons have completed, ms. */
  readonly backlogMs: number
  compare(password: string, hash: string): Promise<boolean>
}

/** `busy`: not compared, because too many comparisons are pending. */
export type Verdict = 'known' | 'unknown' | 'busy'

/** Size of the cache of verified credentials. One Prometheus server uses one entry. */
const MAX_CACHED = 1000
/** A new comparison completes within the default scrape timeout of 10 s. */
const MAX_BACKLOG_MS = 5000
/** Pending comparisons per client address: one client does not use the whole backlog. */
const MAX_PER_CLIENT = 8
const DEFAULT_COST = 10

/**
 * Verifies credentials of basic authentication.
 *
 * Verified credentials are cached as keyed digests, not as passwords. They stay verified when the
 * configuration is reloaded and the hash of their user is the same: otherwise every scraper would
 * have to be compared again at that moment, behind whoever tries passwords.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7617
 */
export class Users {
  readonly #secret = randomBytes(32)
  /** Users by digests of their verified credentials, least recently used first. */
  readonly #verified = new Map<string, string>()
  readonly #comparing = new Map<string, Promise<boolean>>()
  /** Pending comparisons by client address. */
  readonly #perClient = new Map<string, number>()
  #hashes: ReadonlyMap<string, string>
  #dummyHash: string

  /** @param hashes bcrypt hashes by user; empty: no authentication */
  constructor(
    hashes: ReadonlyMap<string, string>,
    private readonly comparer: PasswordComparer,
  ) {
    this.#hashes = hashes
    this.#dummyHash = dummyHash(hashes.values())
  }

  /** Whether requests need credentials. */
  get required(): boolean {
    return this.#hashes.size > 0
  }

  /** The users have changed. Credentials of users with the same hash stay verified. */
  update(hashes: ReadonlyMap<string, string>): void {
    for (const [digest, user] of this.#verified) {
      if (hashes.get(user) !== this.#hashes.get(user)) this.#verified.delete(digest)
    }
    // A pending comparison may be with a former hash.
    this.#comparing.clear()
    this.#hashes = hashes
    this.#dummyHash = dummyHash(hashes.values())
  }

  /**
   * @param authorization the Authorization header
   * @param client address of the client
   */
  async judge(authorization: string | undefined, client = ''): Promise<Verdict> {
    const credentials = credentialsOf(authorization)
    if (!credentials) return 'unknown'
    const { user, password } = credentials
    const digest = createHmac('sha256', this.#secret)
      .update(JSON.stringify([user, password]))
      .digest('base64')
    if (this.#verified.delete(digest)) {
      this.#verified.set(digest, user)
      return 'known'
    }
    let comparing = this.#comparing.get(digest)
    if (!comparing) {
      const ofClient = this.#perClient.get(client) ?? 0
      if (ofClient >= MAX_PER_CLIENT || this.comparer.backlogMs > MAX_BACKLOG_MS) return 'busy'
      this.#perClient.set(client, ofClient + 1)
      comparing = this.#compare(user, password, digest).finally(() => {
        if (this.#comparing.get(digest) === comparing) this.#comparing.delete(digest)
        const left = this.#perClient.get(client)! - 1
        if (left > 0) this.#perClient.set(client, left)
        else this.#perClient.delete(client)
      })
      this.#comparing.set(digest, comparing)
    }
    return (await comparing) ? 'known' : 'unknown'
  }

  /**
   * Compares unknown users with a dummy hash: the response time must not reveal which users exist.
   */
  async #compare(user: string, password: string, digest: string): Promise<boolean> {
    const hash = this.#hashes.get(user)
    const same = await this.comparer.compare(password, hash ?? this.#dummyHash)
    if (hash === undefined || !same) return false
    // The user was changed or removed meanwhile.
    if (this.#hashes.get(user) !== hash) return false
    if (this.#verified.size >= MAX_CACHED)
      this.#verified.delete(this.#verified.keys().next().value!)
    this.#verified.set(digest, user)
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
