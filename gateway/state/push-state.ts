import { asError } from '../../shared/base/as-error.js'
import type { Steps } from '../../shared/base/steps.js'
import { accumulate } from './accumulate.js'
import { AppliedIds } from './applied-ids.js'
import { inconsistency } from './consistency.js'
import { ExpiryQueue } from './expiry-queue.js'
import { exposed } from './expose.js'
import { checkFamily } from './family-codec.js'
import { freeze } from './frozen.js'
import { type Group, labelTextOf, PUSH_TIME, twinKeyOf } from './group.js'
import { GroupTable, type Update } from './group-table.js'
import type { Applied, FetchedRecord, FrozenState, StateMachine, Tombstone } from './machine.js'
import { NewerVersion, type ReadRequest, readRequestInSteps, recordId } from './request-codec.js'
import { utf8Of } from './series-text.js'
import { Tombstones } from './tombstones.js'
import { DONE, ID_REUSED, type Outcome } from './types.js'
import { type CheckedFamily, candidatesOf, updateOf, withoutRepeats } from './updates.js'
import type { Held, PushView } from './view.js'

const REMOVED_PER_STEP = 20
/** Characters of the message of a refused push: a series can have 64 labels of 4 KiB. */
const MAX_MESSAGE = 1000

/** What a state starts from: that of an empty log, or what a snapshot has. */
export interface StateParts {
  readonly table: GroupTable
  readonly ids: AppliedIds
  readonly tombstones: Tombstones
  readonly offset: number
  readonly time: number
  readonly last: { readonly time: number; readonly id: Buffer } | null
}

export const emptyState = (offset = 0): StateParts => ({
  table: new GroupTable(),
  ids: new AppliedIds(),
  tombstones: new Tombstones(),
  offset,
  time: 0,
  last: null,
})

/** The state of all gateways with the same log. */
export class PushState implements StateMachine {
  expired = 0
  readonly #table: GroupTable
  readonly #ids: AppliedIds
  readonly #tombstones: Tombstones
  readonly #queue = new ExpiryQueue<Group>()
  #offset: number
  #time: number
  #last: StateParts['last']

  constructor(parts: StateParts = emptyState()) {
    this.#table = parts.table
    this.#ids = parts.ids
    this.#tombstones = parts.tombstones
    this.#offset = parts.offset
    this.#time = parts.time
    this.#last = parts.last
    for (const group of this.#table.groups.values()) this.#enqueue(group)
  }

  get offset(): number {
    return this.#offset
  }

  get time(): number {
    return this.#time
  }

  get needsTime(): boolean {
    return this.#queue.size > 0 || this.#table.ingested.canExpire || this.#tombstones.size > 0
  }

  skipTo(offset: number): void {
    this.#offset = Math.max(this.#offset, offset)
  }

  held(): Held {
    const held = this.#table.held()
    return { ...held, bytes: held.bytes + this.#ids.bytes + this.#tombstones.bytes }
  }

  tombstones(): Iterable<Tombstone> {
    return this.#tombstones.all()
  }

  view(time: number): PushView {
    return exposed(this.#table, Math.max(time, this.#time))
  }

  freeze(): FrozenState {
    return freeze({
      table: this.#table,
      ids: this.#ids,
      tombstones: this.#tombstones,
      offset: this.#offset,
      time: this.#time,
      last: this.#last,
    })
  }

  *apply({ offset, time, value }: FetchedRecord): Steps<Applied> {
    const now = Math.max(this.#time, time)
    let applied: Applied
    try {
      const request = yield* readRequestInSteps(value)
      yield* this.#advance(now)
      applied = yield* this.#applyRequest(request, offset, now)
    } catch (error) {
      if (error instanceof NewerVersion) return { kind: 'newer_version', version: error.version }
      // Whatever a record does, every gateway must get past it.
      applied = { kind: 'malformed', reason: asError(error).message }
      yield* this.#advance(now)
    }
    this.#last = { time, id: recordId(value) }
    this.#offset = offset + 1
    return applied
  }

  /** Removes what expired, and what is no longer remembered. */
  *#advance(now: number): Steps<void> {
    this.#time = now
    let removed = 0
    for (let group = this.#queue.next(now); group; group = this.#queue.next(now)) {
      if (++removed % REMOVED_PER_STEP === 0) yield
      group.queuedAt = Number.POSITIVE_INFINITY
      if (this.#table.groups.get(group.key) !== group) continue
      if (group.expiresAt <= now) {
        this.expired++
        yield* this.#remove(group)
      } else this.#enqueue(group)
    }
    this.expired += yield* this.#table.ingested.expire(now)
    yield* this.#ids.prune(now)
    yield* this.#tombstones.prune(now)
  }

  *#applyRequest(request: ReadRequest, offset: number, now: number): Steps<Applied> {
    const { id, content } = request
    const known = this.#ids.find(id)
    if (known) {
      const outcome = known.content === content ? known.outcome : ID_REUSED
      return { kind: 'applied', id, outcome, repeated: true }
    }
    const outcome = yield* this.#execute(request, offset, now)
    if (request.method !== 'tick') this.#ids.add({ id, content, time: now, outcome })
    return { kind: 'applied', id, outcome, repeated: false }
  }

  *#execute(request: ReadRequest, offset: number, now: number): Steps<Outcome> {
    switch (request.method) {
      case 'put':
      case 'post':
      case 'accumulate':
        return yield* this.#push(request, offset, now)
      case 'reject':
        this.#fail(request, now)
        return DONE
      case 'delete': {
        const group = this.#table.get(request.labels)
        if (group) yield* this.#remove(group)
        return DONE
      }
      case 'wipe':
        for (const group of [...this.#table.groups.values()]) {
          yield
          yield* this.#remove(group)
        }
        yield* this.#table.ingested.clear()
        return DONE
      case 'ingest': {
        for (const family of request.families) yield* checkFamily(family)
        const expiresAt = timeOf(now, request.expiryMs)
        for (const family of request.families)
          yield* this.#table.ingested.set(family, expiresAt, offset)
        return DONE
      }
      case 'tick':
        return DONE
    }
  }

  *#push(request: ReadRequest, offset: number, now: number): Steps<Outcome> {
    const { method, labels, checked } = request
    const others = method === 'put' ? 'remove' : 'keep'
    const group = this.#table.get(labels)
    let candidates = yield* candidatesOf(group, request.families)
    if (method === 'accumulate') {
      const sums = yield* this.#accumulated(group, candidates)
      if (typeof sums === 'string') return this.#refuse(request, now, sums)
      candidates = sums
    }
    if (checked) {
      const problem =
        this.#twinProblem(request) ?? (yield* inconsistency(this.#table, group, candidates, others))
      if (problem !== undefined) return this.#refuse(request, now, problem)
    }
    const updates: Update[] = []
    for (const candidate of joined(candidates, checked)) {
      const { candidate: kept, repeats } = checked
        ? { candidate, repeats: 0 }
        : yield* withoutRepeats(candidate)
      updates.push(updateOf(group, kept, { offset, time: now, repeats }))
      yield
    }
    const changed = group ?? this.#table.ensure(labels)
    this.#table.beforeChange(changed)
    changed.pushedAt = now
    this.#expire(changed, timeOf(now, request.expiryMs))
    this.#tombstones.delete(changed.key)
    yield* this.#table.store(changed, updates, others)
    return DONE
  }

  #twinProblem({ labels }: ReadRequest): string | undefined {
    const key = twinKeyOf(labels)
    if (key === undefined || !this.#table.groups.has(key)) return undefined
    return `collected metric "${PUSH_TIME}" { ${utf8Of(labelTextOf(labels))} } was collected before with the same name and label values`
  }

  *#accumulated(
    group: Group | undefined,
    candidates: readonly CheckedFamily[],
  ): Steps<CheckedFamily[] | string> {
    const sums: CheckedFamily[] = []
    for (const { family } of candidates) {
      const held = group?.members.get(family.name)?.block
      const result = yield* accumulate(held, family)
      if ('refusal' in result) return result.refusal
      sums.push(...(yield* candidatesOf(group, [result.family])))
    }
    return sums
  }

  #refuse(request: ReadRequest, now: number, message: string): Outcome {
    this.#fail(request, now)
    return { kind: 'inconsistent', message: shortened(message) }
  }

  /** As in Pushgateway, a failed push makes a push group that has nothing but its times. */
  #fail({ labels, expiryMs }: ReadRequest, now: number): void {
    const known = this.#table.get(labels)
    const group = known ?? this.#table.ensure(labels)
    this.#table.beforeChange(group)
    group.failedAt = now
    if (!known) {
      this.#expire(group, timeOf(now, expiryMs))
      this.#tombstones.delete(group.key)
    }
    group.changed()
  }

  #expire(group: Group, time: number): void {
    group.expiresAt = time
    this.#enqueue(group)
  }

  /** An entry for a later time is enough: it is judged again when it is due. */
  #enqueue(group: Group): void {
    if (group.expiresAt >= group.queuedAt || group.expiresAt === Number.POSITIVE_INFINITY) return
    group.queuedAt = group.expiresAt
    this.#queue.add(group.expiresAt, group)
  }

  *#remove(group: Group): Steps<void> {
    this.#tombstones.add(group, this.#time)
    yield* this.#table.remove(group)
  }
}

const timeOf = (now: number, expiryMs: number) =>
  expiryMs === 0 ? Number.POSITIVE_INFINITY : now + expiryMs

/** A copy without what is too long: a part of a text would keep all of it in memory. */
function shortened(message: string): string {
  if (message.length <= MAX_MESSAGE) return message
  return Buffer.from(`${message.slice(0, MAX_MESSAGE)}…`).toString()
}

/** Of families with the same name, which only an unchecked push can have, the last one is stored. */
function joined(candidates: readonly CheckedFamily[], checked: boolean): readonly CheckedFamily[] {
  if (checked) return candidates
  return [...new Map(candidates.map(candidate => [candidate.family.name, candidate])).values()]
}
