import type { DropReason } from './ledger.js'
import type { Snapshot } from './snapshot.js'
import type { Target } from './target.js'

/** A response is going to read it: it is neither written over nor written off meanwhile. */
export function take(snapshot: Snapshot): void {
  snapshot.readers++
}

/** @param written whether all of the response reached the scraper's socket */
export function give(target: Target, snapshot: Snapshot, written: boolean): void {
  snapshot.readers--
  if (written && snapshot.fate === 'pending') {
    snapshot.fate = 'written'
    target.ledger.write()
  }
  if (snapshot.readers === 0 && snapshot.gone) discard(target, snapshot, snapshot.gone)
}

/** It is not held any more. If nobody was shown it, that is booked; if somebody is being shown it, when that is over. */
export function discard(target: Target, snapshot: Snapshot, reason: DropReason): void {
  if (snapshot.fate !== 'pending') return
  if (snapshot.readers > 0) {
    snapshot.gone = reason
    return
  }
  snapshot.fate = 'dropped'
  target.ledger.drop(reason)
}
