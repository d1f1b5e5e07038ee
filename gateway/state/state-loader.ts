import type { Steps } from '../../shared/base/steps.js'
import type { IngestedFamily } from './ingested-family.js'
import { emptyState, PushState, type StateParts } from './push-state.js'
import { type Item, readItems } from './snapshot-codec.js'

const ITEMS_PER_STEP = 20

/** Makes a state of the parts of a snapshot. Use it once. */
export class StateLoader {
  readonly #parts = emptyState()
  #family: IngestedFamily | undefined;

  /**
   * Adds the next part.
   *
   * @throws Error for a part that is malformed; the loader cannot be used any more
   */
  *add(part: Buffer): Steps<void> {
    let items = 0
    for (const item of readItems(part)) {
      yield* this.#add(item)
      if (++items % ITEMS_PER_STEP === 0) yield
    }
  }

  /** @param header what the snapshot says about its state */
  finish({ offset, time, last }: Pick<StateParts, 'offset' | 'time' | 'last'>): PushState {
    return new PushState({ ...this.#parts, offset, time, last })
  }

  *#add(item: Item): Steps<void> {
    const { table, ids, tombstones } = this.#parts
    switch (item.kind) {
      case 'group': {
        const { labels, pushedAt, failedAt, expiresAt } = item.group
        const group = table.ensure(labels)
        Object.assign(group, { pushedAt, failedAt, expiresAt })
        const updates = item.blocks.map(block => ({ block, isSame: false }))
        yield* table.store(group, updates, 'keep')
        return
      }
      case 'ingested family':
        this.#family = table.ingested.restoreFamily(item.family)
        return
      case 'series':
        if (!this.#family) throw new Error('a series of a snapshot has no family')
        table.ingested.restore(this.#family, item.text, item.value)
        return
      case 'tombstone':
        tombstones.restore(item.tombstone)
        return
      case 'id':
        ids.add(item.id)
    }
  }
}
