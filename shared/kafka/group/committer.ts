import type { Logger } from '../../base/logger.js'
import { explain, type KafkaError } from '../errors.js'
import type { Link } from '../wire/link.js'
import type { Commits } from './commits.js'
import { COORDINATOR_UNAVAILABLE, FENCED, type Membership } from './coordinator.js'
import { commitOffsets } from './offsets.js'

const LAST_COMMIT_TIMEOUT_MS = 2_000

/** Commits what is pending, in the name of a membership. */
export class Committer {
  constructor(
    private readonly commits: Commits,
    private readonly topic: string,
    private readonly logger: Logger,
    private readonly onError: (error: KafkaError) => void,
  ) {}

  /**
   * A refusal that has nothing to do with the membership is args, and what was refused remains pending.
   *
   * @throws KafkaError when the membership, the coordinator or the connection is not what it was
   */
  async commit(link: Link, membership: Membership, timeout: number): Promise<void> {
    try {
      await this.#pending(link, membership, timeout)
    } catch (error) {
      const explained = this.#explain(error, membership)
      const { type, isConnectionError } = explained
      if (FENCED.includes(type) || COORDINATOR_UNAVAILABLE.includes(type) || isConnectionError)
        throw explained
      this.onError(explained)
    }
  }

  /** The last chance before partitions may become another member's: what fails here is read again by that member. */
  async commitLast(link: Link, membership: Membership): Promise<void> {
    try {
      await this.#pending(link, membership, LAST_COMMIT_TIMEOUT_MS)
    } catch (error) {
      this.logger.debug(`the last commit failed: ${this.#explain(error, membership).message}`)
    }
  }

  async #pending(link: Link, membership: Membership, timeout: number): Promise<void> {
    const { pending } = this.commits
    if (pending.size === 0) return
    await commitOffsets(link, membership, this.topic, pending, timeout)
    this.commits.confirm(pending)
  }

  #explain(error: unknown, { group }: Membership): KafkaError {
    return explain(error, { group, topic: this.topic })
  }
}
