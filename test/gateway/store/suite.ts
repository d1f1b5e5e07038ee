import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PushView } from '../../../gateway/state/view.js'
import { type PushStore, StoreUnavailable } from '../../../gateway/store/store.js'
import { sortLabels } from '../../../shared/metrics/labels.js'
import { eventually } from '../../support/eventually.js'
import { exposition, type Push, requestOf } from '../state/text.js'

/** A backend with which the suite makes stores. */
export interface StoreBackend {
  /** Creates the store of another gateway. All of them share what is held. */
  create(): PushStore
  /** Makes the backend unavailable, and available again. */
  suspend(): Promise<void>
  resume(): Promise<void>
  /** Whether a push is checked against all push groups, and not only against its own. */
  readonly checksAllGroups: boolean
  /** Whether reads go on while the backend is away. */
  readonly readsAlone: boolean
  stop(): Promise<void>
}

/** Checks everything that `PushStore` promises. */
export function describeStore(title: string, start: () => Promise<StoreBackend>): void {
  describe(title, () => {
    let backend: StoreBackend
    let store: PushStore
    let other: PushStore

    beforeAll(async () => {
      backend = await start()
      store = backend.create()
      other = backend.create()
      await Promise.all([open(store), open(other)])
    })
    afterAll(async () => {
      await Promise.all([store?.stop(), other?.stop()])
      await backend?.stop()
    })

    // Names and types of one test must not be in conflict with those of another.
    beforeEach(async () => {
      await store.submit(requestOf({ method: 'wipe' }))
    })

    const submit = (push: Push, to = store) => to.submit(requestOf(push))
    const text = async (job: string, from = store) => samplesOf(await from.read(), job)
    /** On a busy machine something may expire before it is read. It is then pushed again. */
    const beforeExpiry = (pushed: () => Promise<void>) => eventually(pushed, undefined, 10)
    /** What the other gateway serves follows within milliseconds. */
    const others = (job: string, expected: readonly string[]) =>
      eventually(async () => expect(await text(job, other)).toEqual(expected), undefined, 10)

    test('a push is read after it was acknowledged, and by the other gateway', async () => {
      await submit({ group: { job: 'a' }, body: '# TYPE x counter\nx{l="1"} 1\ny 2.5\n' })
      const expected = ['x{instance="",job="a",l="1"} 1', 'y{instance="",job="a"} 2.5']
      expect(await text('a')).toEqual(expected)
      await others('a', expected)
    })

    test('put replaces the push group, post the families with its names', async () => {
      const group = { job: 'replaced' }
      await submit({ group, body: 'a 1\nb 2\n' })
      await submit({ group, method: 'post', body: 'b{l="1"} 3\nc 4\n' })
      expect(await text('replaced')).toEqual([
        'a{instance="",job="replaced"} 1',
        'b{instance="",job="replaced",l="1"} 3',
        'c{instance="",job="replaced"} 4',
      ])
      await submit({ group, body: 'c 5\n' })
      expect(await text('replaced')).toEqual(['c{instance="",job="replaced"} 5'])
    })

    test('help, type and push times are those of the push', async () => {
      const group = { job: 'typed' }
      const before = await timeOf(store)
      await submit({ group, body: '# HELP typed Some help.\n# TYPE typed counter\ntyped 1\n' })
      const view = await store.read()
      expect(exposition(view)).toContain('# HELP typed Some help.\n# TYPE typed counter\n')
      const held = view.group(sortLabels(group))
      expect(held).toMatchObject({ samples: 1, failedAt: 0, expiresAt: Number.POSITIVE_INFINITY })
      expect(held!.pushedAt).toBeGreaterThanOrEqual(before)
      expect(held!.pushedAt).toBeLessThanOrEqual(view.time)
      expect([...view.groups()]).toContainEqual(held)
    })

    test('a deleted push group is gone, and deleting it again is no error', async () => {
      const group = { job: 'deleted' }
      await submit({ group, body: 'x 1\n' })
      expect(await submit({ group, method: 'delete' })).toEqual({ kind: 'done' })
      expect((await store.read()).group(sortLabels(group))).toBeUndefined()
      expect(await submit({ group, method: 'delete' })).toEqual({ kind: 'done' })
    })

    test('grouping keys with the same text in other places are different push groups', async () => {
      await submit({ group: { job: 'k', a: 'b"c' }, body: 'k 1\n' })
      await submit({ group: { job: 'k', a: 'b', c: '' }, body: 'k 2\n' })
      await submit({ group: { job: 'k', ä: '✓\n' }, body: 'k 3\n' })
      const view = await store.read()
      const group = (labels: Record<string, string>) => view.group(sortLabels(labels))
      expect(group({ job: 'k', a: 'b"c' })?.samples).toBe(1)
      expect(group({ job: 'k', ä: '✓\n' })?.samples).toBe(1)
      expect([...view.groups()].filter(({ labels }) => isOf(labels, 'k'))).toHaveLength(3)
    })

    test('the value of a sample is exact', async () => {
      const values = ['NaN', '+Inf', '-Inf', '1.7976931348623157e+308', '5e-324', '0.1', '-0']
      const body = values.map((value, i) => `v{i="${i}"} ${value}\n`).join('')
      await submit({ group: { job: 'exact' }, body })
      const number = (written: string) => Number(written.replace('Inf', 'Infinity'))
      const found = (await text('exact')).map(line => number(line.split(' ')[1]))
      expect(found).toEqual(values.map(number))
    })

    test('a repeat with the same id is applied once and gets the first outcome', async () => {
      const group = { job: 'repeated' }
      const id = randomBytes(16)
      const push = { group, id, method: 'accumulate', body: '# TYPE n counter\nn 1\n' } as const
      await submit(push)
      await submit({ group, method: 'post', body: 'later 1\n' })
      expect(await submit(push)).toEqual({ kind: 'done' })
      expect(await submit(push, other)).toEqual({ kind: 'done' })
      expect(await text('repeated')).toContain('n{instance="",job="repeated"} 1')
    })

    test('an id with another body is refused and changes nothing', async () => {
      const group = { job: 'reused' }
      const id = randomBytes(16)
      await submit({ group, id, body: 'x 1\n' })
      expect(await submit({ group, id, body: 'x 2\n' })).toEqual({ kind: 'id_reused' })
      expect(await text('reused')).toEqual(['x{instance="",job="reused"} 1'])
    })

    test('a refused push stores its time only, and is refused again as a repeat', async () => {
      const group = { job: 'refused' }
      await submit({ group, body: 'x 1\n' })
      const push = {
        group,
        id: randomBytes(16),
        body: '# TYPE h histogram\nh_sum 1\nh_count 1\nh_bucket{le="+Inf"} 1\n',
      }
      await submit({ group, method: 'post', body: 'h_count 1\n' })
      const outcome = await submit({ ...push, method: 'post' })
      expect(outcome).toMatchObject({
        kind: 'inconsistent',
        message:
          'collected histogram named "h" collides with previously collected metric named "h_count"',
      })
      const view = await store.read()
      expect(view.group(sortLabels(group))!.failedAt).toBeGreaterThan(0)
      expect(samplesOf(view, 'refused')).toHaveLength(2)
      expect(await submit({ ...push, method: 'post' })).toEqual(outcome)
    })

    test('a push that is in conflict with itself is refused', async () => {
      const request = requestOf({ group: { job: 'itself' }, body: 'x 1\n' })
      const twice = { ...request, families: [...request.families, ...request.families] }
      expect(await store.submit(twice)).toMatchObject({ kind: 'inconsistent' })
      expect(await text('itself')).toEqual([])
    })

    test('a failed push makes a push group with its time', async () => {
      const group = { job: 'failed' }
      await submit({ group, method: 'reject' })
      const held = (await store.read()).group(sortLabels(group))
      expect(held).toMatchObject({ samples: 0, pushedAt: 0 })
      expect(held!.failedAt).toBeGreaterThan(0)
      await submit({ group, body: 'x 1\n' })
      expect((await store.read()).group(sortLabels(group))!.failedAt).toBe(held!.failedAt)
    })

    test('an unchecked push that is in conflict is stored; one of both is exposed', async () => {
      await submit({ group: { job: 'c1' }, body: '# TYPE conflict counter\nconflict 1\n' })
      await submit({
        group: { job: 'c2' },
        checked: false,
        body: '# TYPE conflict gauge\nconflict 2\n',
      })
      // An unchecked push may be acknowledged before it is applied.
      await eventually(async () => {
        const view = await store.read()
        expect(view.group(sortLabels({ job: 'c2' }))?.samples).toBe(1)
        expect(exposition(view).match(/^conflict\{.*$/gm)).toEqual([
          'conflict{instance="",job="c1"} 1',
        ])
        expect(store.held().conflicts).toBe(1)
      })
      await submit({ group: { job: 'c2' }, method: 'delete' })
    })

    test('another type in another push group is refused, if all are checked', async () => {
      await submit({ group: { job: 'd1' }, body: '# TYPE typ counter\ntyp 1\n' })
      const outcome = await submit({ group: { job: 'd2' }, body: '# TYPE typ gauge\ntyp 2\n' })
      expect(outcome.kind).toBe(backend.checksAllGroups ? 'inconsistent' : 'done')
      await submit({ group: { job: 'd2' }, method: 'delete' })
    })

    test('a push group expires after its last push, and returns with the next one', async () => {
      const group = { job: 'expiring' }
      await beforeExpiry(async () => {
        await submit({ group, body: 'x 1\n', expiryMs: 60_000 })
        await submit({ group, method: 'post', body: 'y 1\n', expiryMs: 300 })
        expect(await text('expiring')).toHaveLength(2)
      })
      await eventually(async () => expect(await text('expiring')).toEqual([]), undefined, 50)
      expect((await store.read()).group(sortLabels(group))).toBeUndefined()
      await submit({ group, method: 'post', body: 'z 1\n' })
      expect(await text('expiring')).toEqual(['z{instance="",job="expiring"} 1'])
    })

    test('a push without an expiry ends that of the push group', async () => {
      const group = { job: 'kept' }
      await beforeExpiry(async () => {
        await submit({ group, body: 'x 1\n', expiryMs: 200 })
        await submit({ group, method: 'post', body: 'y 1\n' })
        expect(await text('kept')).toHaveLength(2)
      })
      await submit({ group: { job: 'due' }, body: 'x 1\n', expiryMs: 200 })
      await eventually(async () => expect(await text('due')).toEqual([]), undefined, 50)
      expect(await text('kept')).toHaveLength(2)
    })

    test('ingested series expire one by one, and are replaced one by one', async () => {
      const lines = async () => exposition(await store.read()).match(/^(ing|later)\b.*$/gm) ?? []
      const all = [
        'ing{instance="",l="1"} 1',
        'ing{instance="",l="2"} 3',
        'ing{instance="",l="3"} 4',
        'later{instance=""} 1',
      ]
      await beforeExpiry(async () => {
        await submit({ method: 'ingest', body: 'ing{l="1"} 1\ning{l="2"} 2\n', expiryMs: 60_000 })
        await submit({
          method: 'ingest',
          body: 'ing{l="2"} 3\ning{l="3"} 4\nlater 1\n',
          expiryMs: 300,
        })
        expect((await lines()).sort()).toEqual(all)
      })
      await eventually(async () => expect(await lines()).toEqual([all[0]]), undefined, 50)
    })

    test('a repeated ingest is applied once, and refused with another body', async () => {
      const id = randomBytes(16)
      await submit({ method: 'ingest', id, body: 'once 1\ntwice 1\n' })
      await submit({ method: 'ingest', body: 'once 2\n' })
      expect(await submit({ method: 'ingest', id, body: 'once 1\ntwice 1\n' })).toEqual({
        kind: 'done',
      })
      expect(await submit({ method: 'ingest', id, body: 'thrice 1\n' })).toEqual({
        kind: 'id_reused',
      })
      const exposed = exposition(await store.read())
      expect(exposed).toContain('once{instance=""} 2')
      expect(exposed).not.toContain('thrice')
    })

    test('accumulate adds counters and histograms and replaces gauges', async () => {
      const group = { job: 'sum' }
      const body = (n: number) =>
        `# TYPE n counter\nn ${n}\n# TYPE g gauge\ng ${n}\n# TYPE h histogram\nh_bucket{le="1"} ${n}\nh_bucket{le="+Inf"} ${n}\nh_sum ${n}\nh_count ${n}\n`
      await submit({ group, method: 'accumulate', body: body(1) })
      await submit({ group, method: 'accumulate', body: body(2.5) })
      expect(await text('sum')).toEqual([
        'g{instance="",job="sum"} 2.5',
        'h_bucket{instance="",job="sum",le="+Inf"} 3.5',
        'h_bucket{instance="",job="sum",le="1"} 3.5',
        'h_count{instance="",job="sum"} 3.5',
        'h_sum{instance="",job="sum"} 3.5',
        'n{instance="",job="sum"} 3.5',
      ])
      expect(
        await submit({ group, method: 'accumulate', body: '# TYPE n gauge\nn 1\n' }),
      ).toMatchObject({ kind: 'inconsistent' })
    })

    test('no accumulation of two gateways at the same time is lost', async () => {
      const group = { job: 'both' }
      const push = (i: number) =>
        submit(
          { group, method: 'accumulate', body: '# TYPE n counter\nn 1\n' },
          i % 2 ? store : other,
        )
      await Promise.all(Array.from({ length: 40 }, (_, i) => push(i)))
      // A gateway follows the acknowledgements of another one within milliseconds.
      await eventually(
        async () => expect(await text('both')).toEqual(['n{instance="",job="both"} 40']),
        10_000,
        10,
      )
    })

    test('pushes of two gateways at the same time end in one of them, alike at both', async () => {
      const group = { job: 'raced' }
      const push = (i: number) => submit({ group, body: `a ${i}\nb ${i}\n` }, i % 2 ? store : other)
      await Promise.all(Array.from({ length: 40 }, (_, i) => push(i)))
      await eventually(
        async () => {
          const lines = await text('raced')
          expect(lines[0].split(' ')[1]).toBe(lines[1].split(' ')[1])
          expect(await text('raced', other)).toEqual(lines)
        },
        10_000,
        10,
      )
    })

    test('requests of one gateway are applied in the order of the calls', async () => {
      const group = { job: 'ordered' }
      await Promise.all(Array.from({ length: 50 }, (_, i) => submit({ group, body: `x ${i}\n` })))
      expect(await text('ordered')).toEqual(['x{instance="",job="ordered"} 49'])
      const last = [submit({ group, method: 'delete' }), submit({ group, body: 'y 1\n' })]
      await Promise.all(last)
      expect(await text('ordered')).toEqual(['y{instance="",job="ordered"} 1'])
    })

    test('held counts push groups, samples and ingested series, also after a wipe', async () => {
      expect(exposition(await store.read())).toBe('')
      expect(store.held()).toMatchObject({ groups: 0, samples: 0, ingested: 0, conflicts: 0 })
      await submit({ group: { job: 'h1' }, body: 'x 1\ny 2\n' })
      await submit({ group: { job: 'h2' }, body: 'x 1\n' })
      await submit({ group: { job: 'h2' }, method: 'post', body: 'x{l="1"} 1\nx{l="2"} 1\n' })
      await submit({ method: 'ingest', body: 'i 1\n' })
      expect(store.held()).toMatchObject({ groups: 2, samples: 5, ingested: 1 })
      expect(store.held().bytes).toBeGreaterThan(0)
      const id = randomBytes(16)
      await submit({ method: 'wipe', id })
      expect(exposition(await store.read())).toBe('')
      await eventually(async () => expect(exposition(await other.read())).toBe(''), undefined, 10)
      await submit({ group: { job: 'h1' }, body: 'x 1\n' })
      await submit({ method: 'wipe', id })
      expect(store.held()).toMatchObject({ groups: 1, samples: 1, ingested: 0 })
    })

    test('requests in progress end when the store stops, and later ones are refused', async () => {
      const stopping = backend.create()
      await open(stopping)
      const push = submit({ group: { job: 'stopping' }, body: 'x 1\n' }, stopping)
      const stopped = stopping.stop()
      expect(await push).toEqual({ kind: 'done' })
      await stopped
      const refusal = { name: 'StoreUnavailable', maybeApplied: false }
      await expect(stopping.read()).rejects.toMatchObject(refusal)
      await expect(submit({ body: 'x 1\n' }, stopping)).rejects.toMatchObject(refusal)
      expect(stopping.trouble()).toBeDefined()
      expect(await text('stopping')).toHaveLength(1)
    })

    test('a store that is stopped while it starts ends', async () => {
      const stopping = backend.create()
      const starting = stopping.start()
      await stopping.stop()
      await starting
    })

    test('while the backend is away requests fail, and afterwards they do not', async () => {
      const id = randomBytes(16)
      const push = { group: { job: 'outage' }, id, body: 'x 1\n' }
      await submit({ group: { job: 'before' }, body: 'x 1\n' })
      await backend.suspend()
      try {
        await expect(submit(push)).rejects.toBeInstanceOf(StoreUnavailable)
        if (backend.readsAlone) expect(await text('before')).toHaveLength(1)
        else await eventually(() => expect(store.trouble()).toEqual(expect.any(String)))
      } finally {
        await backend.resume()
      }
      await eventually(() => expect(store.trouble()).toBeUndefined())
      await eventually(async () => expect(await submit(push)).toEqual({ kind: 'done' }))
      expect(await text('outage')).toHaveLength(1)
      expect(await text('before')).toHaveLength(1)
    })
  })
}

async function open(store: PushStore): Promise<void> {
  await store.start()
  await eventually(() => expect(store.trouble()).toBeUndefined(), undefined, 20)
}

const timeOf = async (store: PushStore): Promise<number> => (await store.read()).time

const isOf = (labels: readonly { name: string; value: string }[], job: string): boolean =>
  labels.some(({ name, value }) => name === 'job' && value === job)

/** Samples of a job, without the push times, sorted. */
function samplesOf(view: PushView, job: string): string[] {
  return exposition(view)
    .split('\n')
    .filter(line => line.includes(`job="${job}"`) && !/^push_(failure_)?time_seconds/.test(line))
    .sort()
}
