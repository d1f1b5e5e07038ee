import { describe, expect, test } from 'vitest'
import { PushState } from '../../../gateway/state/push-state.js'
import { apply, exposition, pushed } from './text.js'

const at = (seconds: number) => 1_700_000_000_000 + seconds * 1000

describe('put, post and delete', () => {
  test('put replaces everything in its push group and nothing else', () => {
    const state = new PushState()
    apply(state, { group: { job: 'a' }, body: '# TYPE x counter\nx{l="1"} 1\ny 2\n' })
    apply(state, { group: { job: 'b' }, body: 'y 3\n' })
    apply(state, { group: { job: 'a' }, body: 'z 4\n' })
    expect(pushed(state)).toBe(
      '# TYPE y untyped\ny{instance="",job="b"} 3\n# TYPE z untyped\nz{instance="",job="a"} 4\n',
    )
  })

  test('post replaces the families with the names that it has', () => {
    const state = new PushState()
    apply(state, { body: 'x{l="1"} 1\nx{l="2"} 2\ny 3\n' })
    apply(state, { method: 'post', body: 'x{l="3"} 4\n' })
    expect(pushed(state)).toBe(
      '# TYPE x untyped\nx{instance="",job="j",l="3"} 4\n# TYPE y untyped\ny{instance="",job="j"} 3\n',
    )
  })

  test('delete removes the push group, and one that does not exist is no error', () => {
    const state = new PushState()
    apply(state, { body: 'x 1\n' })
    expect(apply(state, { method: 'delete' })).toMatchObject({ outcome: { kind: 'done' } })
    expect(apply(state, { method: 'delete' })).toMatchObject({ outcome: { kind: 'done' } })
    expect(exposition(state.view(state.time))).toBe('')
    expect([...state.tombstones()]).toHaveLength(1)
    expect(state.held()).toMatchObject({ groups: 0, samples: 0 })
  })

  test('an empty put leaves the push times', () => {
    const state = new PushState()
    apply(state, { body: 'x 1\n' }, at(0))
    apply(state, { body: '' }, at(1.5))
    expect(exposition(state.view(0))).toBe(
      [
        '# HELP push_failure_time_seconds Last Unix time when changing this group in the Pushgateway failed.',
        '# TYPE push_failure_time_seconds gauge',
        'push_failure_time_seconds{instance="",job="j"} 0',
        '# HELP push_time_seconds Last Unix time when changing this group in the Pushgateway succeeded.',
        '# TYPE push_time_seconds gauge',
        'push_time_seconds{instance="",job="j"} 1700000001.5',
        '',
      ].join('\n'),
    )
  })

  test('wipe removes everything', () => {
    const state = new PushState()
    apply(state, { group: { job: 'a' }, body: 'x 1\n' })
    apply(state, { group: { job: 'b' }, body: 'x 1\n' })
    apply(state, { method: 'ingest', body: 'y 1\n' })
    apply(state, { method: 'wipe' })
    expect(exposition(state.view(0))).toBe('')
    expect(state.held()).toMatchObject({ groups: 0, samples: 0, ingested: 0 })
  })
})

describe('consistency', () => {
  const refusal = (state: PushState, push: Parameters<typeof apply>[1]) => {
    const applied = apply(state, push, at(5))
    return applied.kind === 'applied' && applied.outcome.kind === 'inconsistent'
      ? applied.outcome.message
      : undefined
  }

  test('another type in another push group is refused, and stores only the failure time', () => {
    const state = new PushState()
    apply(state, { group: { job: 'a' }, body: '# TYPE x counter\nx 1\n' }, at(0))
    expect(refusal(state, { group: { job: 'b' }, body: '# TYPE x gauge\nx 1\n' })).toMatch(
      '"x" is a gauge',
    )
    expect(exposition(state.view(0))).toContain(
      'push_failure_time_seconds{instance="",job="b"} 1700000005',
    )
    expect(exposition(state.view(0))).toContain('push_time_seconds{instance="",job="b"} 0')
    expect(pushed(state)).toBe('# TYPE x counter\nx{instance="",job="a"} 1\n')
  })

  test('the only push group of a name may change its type', () => {
    const state = new PushState()
    apply(state, { body: '# TYPE x counter\nx 1\n' })
    expect(refusal(state, { body: '# TYPE x gauge\nx 1\n' })).toBeUndefined()
    expect(pushed(state)).toContain('# TYPE x gauge')
  })

  test('the same labels in another push group are refused', () => {
    const state = new PushState()
    apply(state, { group: { job: 'a', instance: 'i' }, body: 'x{l="1"} 1\n' })
    expect(refusal(state, { group: { job: 'a' }, body: 'x{instance="i",l="1"} 2\n' })).toMatch(
      'was collected before with the same name and label values',
    )
    expect(
      refusal(state, { group: { job: 'a' }, body: 'x{instance="i",l="2"} 2\n' }),
    ).toBeUndefined()
  })

  test('duplicates inside a push are refused', () => {
    expect(refusal(new PushState(), { body: 'x{l="1"} 1\nx{l="1"} 2\n' })).toMatch('before')
  })

  test.each([
    ['# TYPE x summary\nx_sum 1\nx_count 1\n', 'x_sum 1\n'],
    ['# TYPE x histogram\nx_bucket{le="+Inf"} 1\nx_sum 1\nx_count 1\n', 'x_bucket 1\n'],
  ])('names that collide with samples of %j are refused, whichever comes first', (one, other) => {
    for (const [first, second] of [
      [one, other],
      [other, one],
    ]) {
      const state = new PushState()
      apply(state, { group: { job: 'a' }, body: first })
      expect(refusal(state, { group: { job: 'b' }, body: second })).toMatch('collides')
    }
  })

  test('another help text is no reason, and the oldest is shown', () => {
    const state = new PushState()
    apply(state, { group: { job: 'a' }, body: '# HELP x one\nx 1\n' })
    expect(refusal(state, { group: { job: 'b' }, body: '# HELP x two\nx 1\n' })).toBeUndefined()
    expect(pushed(state)).toContain('# HELP x one\n')
    expect(pushed(state)).not.toContain('two')
  })

  test('what was pushed unchecked and is in conflict is left out and counted until it is not', () => {
    const state = new PushState()
    apply(state, { group: { job: 'a', instance: 'i' }, body: '# TYPE x gauge\nx 1\n' })
    apply(state, {
      group: { job: 'a' },
      body: '# TYPE x gauge\nx{instance="i"} 2\nx 3\n',
      checked: false,
    })
    apply(state, { group: { job: 'b' }, body: '# TYPE x counter\nx 4\n', checked: false })
    expect(pushed(state)).toBe(
      '# TYPE x gauge\nx{instance="i",job="a"} 1\nx{instance="",job="a"} 3\n',
    )
    expect(state.held().conflicts).toBe(2)
    apply(state, { method: 'delete', group: { job: 'a', instance: 'i' } })
    expect(pushed(state)).toBe(
      '# TYPE x gauge\nx{instance="i",job="a"} 2\nx{instance="",job="a"} 3\n',
    )
    apply(state, { method: 'delete', group: { job: 'a' } })
    expect(pushed(state)).toBe('# TYPE x counter\nx{instance="",job="b"} 4\n')
    expect(state.held().conflicts).toBe(0)
  })

  test('repeated series of an unchecked push are left out and counted', () => {
    const state = new PushState()
    apply(state, { body: 'x 1\nx 2\n', checked: false })
    expect(pushed(state)).toBe('# TYPE x untyped\nx{instance="",job="j"} 1\n')
    expect(state.held().conflicts).toBe(1)
  })
})

describe('time', () => {
  test('a push group expires by log time, and a record of another group shows it', () => {
    const state = new PushState()
    apply(state, { group: { job: 'a' }, body: 'x 1\n', expiryMs: 60_000 }, at(0))
    expect(state.needsTime).toBe(true)
    apply(state, { method: 'tick' }, at(59))
    expect(pushed(state)).toContain('x{')
    apply(state, { method: 'tick' }, at(60))
    expect(pushed(state)).toBe('')
    expect(state.expired).toBe(1)
  })

  test('reads hide what is due before a record removes it', () => {
    const state = new PushState()
    apply(state, { body: 'x 1\n', expiryMs: 60_000 }, at(0))
    expect(exposition(state.view(at(61)))).toBe('')
    expect([...state.view(at(61)).groups()]).toEqual([])
    expect(pushed(state)).toContain('x{')
  })

  test('a push moves the expiry, also to never', () => {
    const state = new PushState()
    apply(state, { body: 'x 1\n', expiryMs: 10_000 }, at(0))
    apply(state, { method: 'post', body: 'y 1\n', expiryMs: 30_000 }, at(5))
    apply(state, { method: 'tick' }, at(20))
    expect(pushed(state)).toContain('x{')
    apply(state, { method: 'post', body: 'y 1\n' }, at(21))
    apply(state, { method: 'tick' }, at(1000))
    expect(pushed(state)).toContain('x{')
    expect(state.expired).toBe(0)
  })

  test('append times that go back do not move log time', () => {
    const state = new PushState()
    apply(state, { body: 'x 1\n' }, at(100))
    apply(state, { method: 'post', body: 'y 1\n' }, at(50))
    expect(state.time).toBe(at(100))
    expect(exposition(state.view(0))).toContain('push_time_seconds{instance="",job="j"} 1700000100')
  })

  test('a tombstone is kept for ten minutes, and not once the group is pushed again', () => {
    const state = new PushState()
    apply(state, { group: { job: 'a' }, body: 'x 1\n' }, at(0))
    apply(state, { group: { job: 'b' }, body: 'x 1\n' }, at(0))
    apply(state, { method: 'delete', group: { job: 'a' } }, at(1))
    apply(state, { method: 'delete', group: { job: 'b' } }, at(2))
    apply(state, { group: { job: 'b' }, body: 'x 1\n' }, at(3))
    expect([...state.tombstones()]).toEqual([
      { labels: [{ name: 'job', value: 'a' }], removedAt: at(1) },
    ])
    apply(state, { method: 'tick' }, at(602))
    expect([...state.tombstones()]).toEqual([])
  })
})

describe('ids', () => {
  test('a repeat is applied once and has the outcome of the first', () => {
    const state = new PushState()
    const id = Buffer.alloc(16, 7)
    apply(state, { method: 'accumulate', body: '# TYPE c counter\nc 1\n', id })
    expect(
      apply(state, { method: 'accumulate', body: '# TYPE c counter\nc 1\n', id }),
    ).toMatchObject({
      repeated: true,
      outcome: { kind: 'done' },
    })
    expect(pushed(state)).toContain('c{instance="",job="j"} 1\n')
  })

  test('a repeat of a refused push is refused with the same message', () => {
    const state = new PushState()
    const id = Buffer.alloc(16, 7)
    const push = { body: 'x 1\nx 1\n', id }
    const first = apply(state, push)
    expect(apply(state, push)).toEqual({ ...first, repeated: true })
  })

  test('another request with the same id changes nothing', () => {
    const state = new PushState()
    const id = Buffer.alloc(16, 7)
    apply(state, { body: 'x 1\n', id })
    expect(apply(state, { body: 'x 2\n', id })).toMatchObject({ outcome: { kind: 'id_reused' } })
    expect(pushed(state)).toContain('x{instance="",job="j"} 1\n')
  })

  test('an id is forgotten after ten minutes of log time', () => {
    const state = new PushState()
    const id = Buffer.alloc(16, 7)
    apply(state, { body: 'x 1\n', id }, at(0))
    expect(apply(state, { body: 'x 1\n', id }, at(600))).toMatchObject({ repeated: true })
    expect(apply(state, { body: 'x 1\n', id }, at(601))).toMatchObject({ repeated: false })
  })
})

describe('memory', () => {
  const long = 'v'.repeat(4_000)
  const grouping = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`l${i}`, long]))

  test('the message of a refused push is short, and counted while its id is known', () => {
    const state = new PushState()
    const before = state.held().bytes
    const body = `x{${Object.entries(grouping).map(([name, value]) => `${name}="${value}"`)}} 1\n`
    const refused = apply(state, { group: { job: 'j' }, body: body + body })
    const { outcome } = refused as { outcome: { message: string } }
    expect(outcome.message).toMatch(/^collected metric "x".*…$/s)
    expect(outcome.message.length).toBeLessThan(1_100)
    expect(state.held().bytes).toBeGreaterThan(before + 2 * outcome.message.length)
    apply(state, { method: 'delete', group: { job: 'j' } })
    for (const time of [at(0), at(1_300)]) apply(state, { method: 'tick' }, time)
    expect(state.held().bytes).toBeLessThanOrEqual(before)
  })

  test('a deleted push group counts with its labels while it is remembered', () => {
    const state = new PushState()
    apply(state, { group: { job: 'j', ...grouping } }, at(0))
    apply(state, { method: 'delete', group: { job: 'j', ...grouping } }, at(0))
    expect(state.held().bytes).toBeGreaterThan(60 * long.length)
    apply(state, { method: 'tick' }, at(601))
    expect(state.held().bytes).toBeLessThan(60 * long.length)
  })
})

describe('accumulate', () => {
  test('adds counters, histograms and sums, and replaces gauges', () => {
    const state = new PushState()
    const body = [
      '# TYPE c counter\nc{l="1"} 1\nc{l="2"} 5\n',
      '# TYPE g gauge\ng 1\n',
      '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n',
      '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 1\ns_count 1\n',
    ].join('')
    apply(state, { method: 'accumulate', body })
    apply(state, { method: 'accumulate', body: body.replace('c{l="2"} 5\n', 'c{l="3"} 7\n') })
    const text = pushed(state)
    for (const line of [
      'c{instance="",job="j",l="1"} 2',
      'c{instance="",job="j",l="2"} 5',
      'c{instance="",job="j",l="3"} 7',
      'g{instance="",job="j"} 1',
      'h_bucket{instance="",job="j",le="1"} 2',
      'h_count{instance="",job="j"} 4',
      's{instance="",job="j",quantile="0.5"} 1',
      's_sum{instance="",job="j"} 2',
    ])
      expect(text).toContain(`${line}\n`)
  })

  test('other buckets or another type are refused', () => {
    const state = new PushState()
    apply(state, {
      method: 'accumulate',
      body: '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n',
    })
    for (const body of [
      '# TYPE h histogram\nh_bucket{le="2"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n',
      '# TYPE h gauge\nh 1\n',
    ])
      expect(apply(state, { method: 'accumulate', body })).toMatchObject({
        outcome: { kind: 'inconsistent' },
      })
  })

  test('a counter whose type is missing is refused with what to add', () => {
    const state = new PushState()
    apply(state, { method: 'accumulate', body: '# TYPE c counter\nc 1\n' })
    const reason =
      '"c" is pushed as untyped, but the push group has it as counter: add its # TYPE line'
    expect(apply(state, { method: 'accumulate', body: 'c 1\n' })).toMatchObject({
      outcome: { kind: 'inconsistent', message: expect.stringContaining(reason) },
    })
  })
})

describe('ingest', () => {
  test('each series has its own expiry', () => {
    const state = new PushState()
    apply(state, { method: 'ingest', body: 'x{instance="",l="1"} 1\n', expiryMs: 10_000 }, at(0))
    apply(state, { method: 'ingest', body: 'x{instance="",l="2"} 2\n', expiryMs: 30_000 }, at(0))
    apply(state, { method: 'ingest', body: 'x{instance="",l="1"} 3\n', expiryMs: 10_000 }, at(5))
    expect(exposition(state.view(at(9)))).toBe(
      '# TYPE x untyped\nx{instance="",l="1"} 3\nx{instance="",l="2"} 2\n',
    )
    apply(state, { method: 'tick' }, at(16))
    expect(exposition(state.view(0))).toBe('# TYPE x untyped\nx{instance="",l="2"} 2\n')
    apply(state, { method: 'tick' }, at(31))
    expect(exposition(state.view(0))).toBe('')
    expect(state.held()).toMatchObject({ samples: 0, ingested: 0 })
  })

  test('a series that a push group has is left out and counted', () => {
    const state = new PushState()
    apply(state, { group: { job: 'a' }, body: 'x 1\n' })
    apply(state, { method: 'ingest', body: 'x{instance="",job="a"} 2\nx{instance="",job="b"} 3\n' })
    expect(pushed(state)).toBe(
      '# TYPE x untyped\nx{instance="",job="a"} 1\nx{instance="",job="b"} 3\n',
    )
    expect(state.held().conflicts).toBe(1)
  })
})

test('names outside the legacy character set are quoted, or written with underscores', () => {
  const state = new PushState()
  apply(state, { body: '{"my.metric","a.b"="ü"} 1\n' })
  expect(exposition(state.view(0), 'allow-utf-8')).toContain(
    '# TYPE "my.metric" untyped\n{"my.metric","a.b"="ü",instance="",job="j"} 1\n',
  )
  expect(exposition(state.view(0), 'underscores')).toContain(
    '# TYPE my_metric untyped\nmy_metric{a_b="ü",instance="",job="j"} 1\n',
  )
})

test('an exposition shows the moment of its first chunk, whatever is pushed until its last', () => {
  const state = new PushState()
  for (let i = 0; i < 50; i++) apply(state, { group: { job: `j${i}` }, body: 'x 1\ny 1\n' })
  const before = exposition(state.view(0))
  const chunks = state.view(0).expose('underscores')
  let text = chunks.next().value!.toString()
  for (let i = 0; i < 50; i++) {
    apply(state, { group: { job: `j${i}` }, body: 'x 2\nz 2\n' })
    if (i % 10 === 0) text += chunks.next().value?.toString() ?? ''
  }
  apply(state, { method: 'delete', group: { job: 'j3' } })
  for (const chunk of chunks) text += chunk.toString()
  expect(text).toBe(before)
})
