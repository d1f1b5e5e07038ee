import type { DropReason } from './ledger.js'
import type { Snapshot } from './store/snapshot.js'
import type { Store } from './store/store.js'

/** All of a response that showed the snapshot, or said why its collection failed, reached the scraper's socket. */
export function bookWritten(snapshot: Snapshot): void {
  if (snapshot.fate !== 'pending') return
  snapshot.fate = 'written'
  snapshot.target.ledger.write()
}

/**
 * Its target has these snapshots no longer, for that reason. Each is booked when nobody holds it any more: a response that
 * is being written may still reach its scraper.
 */
export function retire(store: Store, snapshots: readonly Snapshot[], reason: DropReason): void {
  for (const snapshot of snapshots) {
    snapshot.retired = reason
    store.release(snapshot)
  }
}

/** Nobody holds the snapshot any more: if it was pending, it will reach no scraper. */
export function bookReleased(snapshot: Snapshot): void {
  if (snapshot.fate !== 'pending') return
  snapshot.fate = 'dropped'
  snapshot.target.ledger.drop(snapshot.retired ?? 'unscraped')
}
