import type { CompiledLayout } from '../core/store/compiled-layout.js'
import type { Snapshot } from '../core/store/snapshot.js'
import type { Store } from '../core/store/store.js'
import type { Target } from '../core/target.js'
import type { Emitter } from './timeline.js'

/** What is to be sent of a target. It holds what it refers to until `release`. */
export type Emission = { readonly target: Target; readonly time: number } & (
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | {
      readonly kind: 'left'
      readonly before: readonly CompiledLayout[]
      readonly now: readonly CompiledLayout[]
    }
  | { readonly kind: 'down'; readonly collectSeconds: number | null }
  | { readonly kind: 'reportLeft'; readonly up: boolean; readonly report: boolean }
)

/** Collects emissions in the order in which they are made. */
export class Emissions {
  #all: Emission[] = []

  constructor(private readonly store: Store) {}

  get isEmpty(): boolean {
    return this.#all.length === 0
  }

  /** Takes all that were collected. The caller releases each. */
  take(): readonly Emission[] {
    const all = this.#all
    this.#all = []
    return all
  }

  of(target: Target): Emitter {
    const add = (emission: Emission) => this.#all.push(emission)
    return {
      snapshot: (snapshot, time) => {
        this.store.acquire(snapshot)
        add({ kind: 'snapshot', target, time, snapshot })
      },
      left: (before, now, time) => {
        for (const layout of [...before, ...now]) this.store.acquire(layout)
        add({ kind: 'left', target, time, before, now })
      },
      down: (time, collectSeconds) => add({ kind: 'down', target, time, collectSeconds }),
      reportLeft: (time, { up, report }) => add({ kind: 'reportLeft', target, time, up, report }),
    }
  }

  /** Releases what the emission holds. To be called once. */
  release(emission: Emission): void {
    if (emission.kind === 'snapshot') this.store.release(emission.snapshot)
    if (emission.kind === 'left')
      for (const layout of [...emission.before, ...emission.now]) this.store.release(layout)
  }
}
