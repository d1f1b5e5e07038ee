import type { DropReason } from './ledger.js'
import type { Snapshot } from './store/snapshot.js'
import type { Store } from './store/store.js'

/**
 * Books that a response with the snapshot, or with the reason of its failure, was completely sent.
 */
export function bookWritten(snapshot: Snapshot): void {
  if (snapshot.fate !== 'pending') return
  snapshot.fate = 'written'
  snapshot.target.ledger.write()
}

/**
 * Releases snapshots that were removed from their target. Each is booked as dropped for `reason` at
 * its last release only, because a response in progress may still deliver it.
 */
export function retire(store: Store, snapshots: readonly Snapshot[], reason: DropReason): void {
  for (const snapshot of snapshots) {
    snapshot.retired = reason
    store.release(snapshot)
  }
}

/** Books the last release of a snapshot: a pending one will not reach any scraper. */
export function bookReleased(snapshot: Snapshot): void {
  if (snapshot.fate !== 'pending') return
  snapshot.fate = 'dropped'
  snapshot.target.ledger.drop(snapshot.retired ?? 'unscraped')
}
