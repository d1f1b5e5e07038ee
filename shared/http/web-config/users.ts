import { createHmac, randomBytes } from 'node:crypto'

/** Compares on demand, and tells how many comparisons wait. */
export interface Comparer {
  readonly pending: number
  compare(password: string, hash: string): Promise<boolean>
}

/** `busy`: so many passwords are being compared that this one was not. */
export type Verdict = 'known' | 'unknown' | 'busy'

/** Credentials that are remembered as right; a Prometheus needs one. */
const REMEMBERED = 1000
/** At 100 ms each the last of them waits for as long as a scrape does by default. */
const MAX_PENDING = 100
const DEFAULT_COST = 10

/**
 * Who may ask, by basic authentication.
 *
 * What was right once is remembered, as a keyed digest and not as a password, until the users change: they are changed by
 * making another one of these.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7617
 */
export class Users {
  readonly #secret = randomBytes(32)
  /** Digests, the longest unused first. */
  readonly #right = new Set<string>()
  readonly #comparing = new Map<string, Promise<boolean>>()
  readonly #nobody: string

  /** @param hashes bcrypt's, by user; empty: everybody may ask */
  constructor(
    private readonly hashes: ReadonlyMap<string, string>,
    private readonly comparer: Comparer,
  ) {
    this.#nobody = hashOfNobody(hashes.values())
  }

  /** Whether anybody is asked for credentials. */
  get demanded(): boolean {
    return this.hashes.size > 0
  }

  /** @param authorization the header of that name */
  async judge(authorization: string | undefined): Promise<Verdict> {
    const credentials = credentialsOf(authorization)
    if (!credentials) return 'unknown'
    const { user, password } = credentials
    const digest = createHmac('sha256', this.#secret)
      .update(JSON.stringify([user, password]))
      .digest('base64')
    if (this.#right.delete(digest)) {
      this.#right.add(digest)
      return 'known'
    }
    let comparing = this.#comparing.get(digest)
    if (!comparing) {
      if (this.comparer.pending >= MAX_PENDING) return 'busy'
      comparing = this.#compare(user, password, digest).finally(() => this.#comparing.delete(digest))
      this.#comparing.set(digest, comparing)
    }
    return (await comparing) ? 'known' : 'unknown'
  }

  /** Whoever is unknown is compared too, so that the time of an answer does not tell who is known. */
  async #compare(user: string, password: string, digest: string): Promise<boolean> {
    const hash = this.hashes.get(user)
    const same = await this.comparer.compare(password, hash ?? this.#nobody)
    if (hash === undefined || !same) return false
    if (this.#right.size >= REMEMBERED) this.#right.delete(this.#right.values().next().value!)
    this.#right.add(digest)
    return true
  }
}

function credentialsOf(authorization: string | undefined): { user: string; password: string } | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})\s*$/i.exec(authorization ?? '') ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** A hash that costs as much as the dearest of the users', of no password that anybody knows. */
function hashOfNobody(hashes: Iterable<string>): string {
  let cost = 0
  for (const hash of hashes) cost = Math.max(cost, Number(hash.split('$')[2]))
  const random = randomBytes(64).toString('base64').replace(/[+=]/g, '.')
  // The last character of a salt has two bits only.
  return `$2b$${String(cost || DEFAULT_COST).padStart(2, '0')}$${random.slice(0, 21)}.${random.slice(22, 53)}`
}
