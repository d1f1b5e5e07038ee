import type { Logger } from '../../base/logger.js'
import { explain, type KafkaError } from '../errors.js'
import type { Link } from '../wire/link.js'
import type { Commits } from './commits.js'
import { COORDINATOR_UNAVAILABLE, FENCED, type Membership } from './coordinator.js'
import { commitOffsets } from './offsets.js'

const LAST_COMMIT_TIMEOUT_MS = 2_000

/** Commits the pending offsets on behalf of a membership. */
export class Committer {
  constructor(
    private readonly commits: Commits,
    private readonly topic: string,
    private readonly logger: Logger,
    private readonly onError: (error: KafkaError) => void,
  ) {}

  /**
   * Reports a refusal that does not concern the membership; its offsets remain pending.
   *
   * @throws KafkaError if the membership has ended, the coordinator changed or the connection
   * failed
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

  /**
   * The last commit before the partitions may move to another member. If it fails, that member
   * reads the records again.
   */
  async commitLast(link: Link, membership: Membership): Promise<void> {
    try {
      await this.#pending(link, membership, LAST_COMMIT_TIMEOUT_MS)
    } catch (error) {
      this.logger.debug(
        `the last commit before losing partitions failed: ${this.#explain(error, membership).message}`,
      )
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
