import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../shared/base/clock.js'
import { ConflatingOutbox } from '../../../shared/publish/conflating-outbox.js'
import { OrderedOutbox, OutboxClosed } from '../../../shared/publish/ordered-outbox.js'
import type { Publication, RecordSender, SendError } from '../../../shared/publish/publication.js'
import { eventually } from '../../support/eventually.js'

type Entries = Parameters<RecordSender['sendAll']>[0]
type Outcomes = readonly (SendError | null)[]

/** A sender whose calls are answered by the test, one by one or by `answer`. */
class FakeSender implements RecordSender {
  /** The values of each call. */
  readonly calls: string[][] = []
  readonly inFlight: {
    entries: Entries
    settle(outcomes: Outcomes): void
    reject(error: Error): void
  }[] = []
  answer: ((entries: Entries) => Outcomes | Promise<Outcomes>) | null = null

  constructor(private readonly lanes = 1) {}

  laneOf(key: Buffer): number {
    return key[key.length - 1] % this.lanes
  }

  sendAll(entries: Entries): Promise<Outcomes> {
    this.calls.push(entries.flatMap(({ values }) => values.map(String)))
    if (this.answer) return Promise.resolve(this.answer(entries))
    return new Promise((settle, reject) => {
      this.inFlight.push({ entries, settle, reject })
    })
  }

  get sent(): string[] {
    return this.calls.flat()
  }
}

const ok = (entries: Entries): Outcomes => entries.map(() => null)
const publication = (text: string, bytes = 100): Publication => ({
  bytes,
  encodedBytes: bytes,
  encode: superseded => [
    Buffer.from(superseded > 0 ? `${text}, ${superseded} before it superseded` : text),
  ],
})
const turns = async (count = 5) => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate)
}
const keyOf = (i: number) => Buffer.from([0, i])
const options = (sender: RecordSender) => ({ sender, clock: systemClock, random: () => 0 })

describe('a conflating outbox', () => {
  test('sends the newest publication with the number of superseded ones, and holds at most two', async () => {
    const sender = new FakeSender()
    const target = new ConflatingOutbox(options(sender)).target(keyOf(0))
    target.offer(publication('a'))
    await turns()
    for (const text of ['b', 'c', 'd']) target.offer(publication(text))
    expect(target.counts).toMatchObject({ offered: 4, superseded: 2, held: 2 })
    sender.inFlight[0].settle([null])
    await turns()
    expect(sender.sent).toEqual(['a', 'd, 2 before it superseded'])
    expect(target.counts).toMatchObject({ acknowledged: 1, superseded: 2, held: 1 })
  })

  test('counts the bytes pending, in flight and encoded', async () => {
    const sender = new FakeSender()
    const outbox = new ConflatingOutbox(options(sender))
    const target = outbox.target(keyOf(0))
    target.offer(publication('12345', 100))
    expect(target.bytes).toBe(100)
    await turns()
    target.offer(publication('b', 70))
    expect([target.bytes, outbox.bytes]).toEqual([175, 175])
    sender.answer = ok
    sender.inFlight[0].settle([null])
    await target.drain()
    expect([target.bytes, outbox.bytes]).toEqual([0, 0])
  })

  test('sends for a thousand targets in few calls, and nothing twice', async () => {
    const sender = new FakeSender(3)
    sender.answer = async entries => {
      await turns(1)
      return ok(entries)
    }
    const outbox = new ConflatingOutbox(options(sender))
    const targets = Array.from({ length: 1000 }, (_, i) =>
      outbox.target(Buffer.from([i >> 8, i & 0xff])),
    )
    targets.forEach((target, i) => {
      target.offer(publication(String(i), 2000))
    })
    await Promise.all(targets.map(target => target.drain()))
    expect(sender.sent.map(Number).sort((a, b) => a - b)).toEqual(targets.map((_, i) => i))
    expect(sender.calls.length).toBeLessThan(30)
  })

  test('reports to a target only its own outcomes', async () => {
    const sender = new FakeSender()
    const outbox = new ConflatingOutbox(options(sender))
    const events: string[] = []
    const targets = [0, 1].map(i =>
      outbox.target(keyOf(i), {
        acknowledged: () => events.push(`${i} acknowledged`),
        failed: error => events.push(`${i} ${error.message}`),
      }),
    )
    for (const target of targets) target.offer(publication('x'))
    await turns()
    sender.answer = ok
    sender.inFlight[0].settle([null, new Error('no')])
    await targets[1].drain()
    expect(events).toEqual(['0 acknowledged', '1 no', '1 acknowledged'])
  })

  test('ends the backoff of a target that is drained', async () => {
    const sender = new FakeSender()
    sender.answer = entries => entries.map(() => new Error('away'))
    const target = new ConflatingOutbox({ ...options(sender), random: () => 1 }).target(keyOf(0))
    target.offer(publication('x'))
    await eventually(() => expect(sender.calls.length).toBeGreaterThanOrEqual(1))
    sender.answer = ok
    await target.drain()
    expect(target.counts.acknowledged).toBe(1)
  })

  test('retries after a sender that rejects and after a publication that cannot be encoded', async () => {
    const sender = new FakeSender()
    const outbox = new ConflatingOutbox(options(sender))
    const [good, bad] = [outbox.target(keyOf(0)), outbox.target(keyOf(1))]
    good.offer(publication('good'))
    bad.offer({
      ...publication('bad'),
      encode: () => {
        throw new RangeError('sequence is NaN')
      },
    })
    await turns()
    expect(sender.inFlight[0].entries).toHaveLength(1)
    sender.inFlight[0].reject(new Error('broken'))
    sender.answer = ok
    await good.drain()
    bad.offer(publication('better'))
    await bad.drain()
    expect(sender.sent.at(-1)).toBe('better, 1 before it superseded')
    expect(bad.counts).toMatchObject({ acknowledged: 1, superseded: 1, held: 0 })
  })

  test('that is stopped sends nothing more, resolves drain, and counts the outcome of publications in flight', async () => {
    const sender = new FakeSender()
    const outbox = new ConflatingOutbox(options(sender))
    const [first, second] = [outbox.target(keyOf(0)), outbox.target(keyOf(1))]
    first.offer(publication('a'))
    await turns()
    first.offer(publication('b'))
    second.offer(publication('c'))
    const drained = Promise.all([first.drain(), second.drain()])
    outbox.stop()
    await drained
    first.offer(publication('d'))
    sender.inFlight[0].settle([null])
    await turns()
    expect(sender.sent).toEqual(['a'])
    expect(first.counts).toMatchObject({ offered: 3, acknowledged: 1, superseded: 1, held: 1 })
    expect(second.counts).toMatchObject({ offered: 1, acknowledged: 0, held: 1 })
  })

  test('sends nothing more of a closed target, and still sends for others', async () => {
    const sender = new FakeSender()
    const outbox = new ConflatingOutbox(options(sender))
    const [closed, open] = [outbox.target(keyOf(0)), outbox.target(keyOf(1))]
    closed.offer(publication('closed'))
    open.offer(publication('open'))
    closed.close()
    await closed.drain()
    sender.answer = ok
    await open.drain()
    expect(sender.sent).toEqual(['open'])
    expect(outbox.bytes).toBe(0)
  })
})

describe('an ordered outbox', () => {
  const held = async (outbox: OrderedOutbox, key: Buffer, texts: string[]) => {
    const target = outbox.target(key)
    return {
      target,
      deliveries: await Promise.all(texts.map(text => target.offer(publication(text)))),
    }
  }

  test('sends everything in the order of each target', async () => {
    const sender = new FakeSender(2)
    sender.answer = entries => entries.map(() => (Math.random() < 0.3 ? new Error('lost') : null))
    const outbox = new OrderedOutbox({ ...options(sender), maxBytes: 1e6 })
    const texts = Array.from({ length: 30 }, (_, i) => String(i))
    const targets = await Promise.all(
      [1, 2, 3].map(i =>
        held(
          outbox,
          keyOf(i),
          texts.map(text => `${i}.${text}`),
        ),
      ),
    )
    sender.answer = ok
    await Promise.all(
      targets.flatMap(({ deliveries }) => deliveries.map(({ acknowledged }) => acknowledged)),
    )
    for (const [i, { target }] of targets.entries()) {
      expect(target.counts).toMatchObject({ offered: 30, acknowledged: 30, superseded: 0, held: 0 })
      const first = [...new Set(sender.sent.filter(text => text.startsWith(`${i + 1}.`)))]
      expect(first).toEqual(texts.map(text => `${i + 1}.${text}`))
    }
    expect(outbox.bytes).toBe(0)
  })

  test('at its size limit makes callers wait, in the order of their calls', async () => {
    const sender = new FakeSender()
    const outbox = new OrderedOutbox({ ...options(sender), maxBytes: 10 })
    const [a, b] = [outbox.target(keyOf(1)), outbox.target(keyOf(2))]
    const accepted: string[] = []
    const offer = (target: typeof a, text: string) =>
      target.offer(publication(text)).then(delivery => {
        accepted.push(text)
        return delivery.acknowledged
      })
    const all = [offer(a, '12345678'), offer(b, 'bbbb'), offer(a, 'c'), offer(b, 'd')]
    await turns()
    // The small ones would fit, but were offered later.
    expect(accepted).toEqual(['12345678'])
    expect(outbox.bytes).toBe(8)
    sender.answer = ok
    sender.inFlight[0].settle([null])
    await Promise.all(all)
    expect(accepted).toEqual(['12345678', 'bbbb', 'c', 'd'])
    expect(outbox.bytes).toBe(0)
  })

  test('accepts a publication above its size limit when it is empty', async () => {
    const sender = new FakeSender()
    sender.answer = ok
    const outbox = new OrderedOutbox({ ...options(sender), maxBytes: 10 })
    const { deliveries } = await held(outbox, keyOf(1), ['x'.repeat(1000)])
    await deliveries[0].acknowledged
    expect(outbox.bytes).toBe(0)
  })

  test('returns a publication that the brokers refuse, and sends those behind it', async () => {
    const sender = new FakeSender()
    sender.answer = entries => {
      const bad = entries.some(({ values }) => String(values[0]) === 'bad')
      return entries.map(() =>
        bad ? Object.assign(new Error('too large'), { refusal: true }) : null,
      )
    }
    const outbox = new OrderedOutbox({ ...options(sender), maxBytes: 1e6 })
    const { target, deliveries } = await held(outbox, keyOf(1), ['a', 'bad', 'c'])
    const outcomes = await Promise.allSettled(deliveries.map(({ acknowledged }) => acknowledged))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(target.counts).toMatchObject({ offered: 3, acknowledged: 2, refused: 1, held: 0 })
    expect(outbox.bytes).toBe(0)
  })

  test.each(['stop', 'close'] as const)(
    'rejects pending publications and waiting callers on %s, but not publications in flight',
    async method => {
      const sender = new FakeSender()
      const outbox = new OrderedOutbox({ ...options(sender), maxBytes: 3 })
      const target = outbox.target(keyOf(1))
      const inFlight = await target.offer(publication('a'))
      await turns()
      const pending = await target.offer(publication('b'))
      await target.offer(publication('c'))
      const waiting = target.offer(publication('d'))
      if (method === 'stop') outbox.stop()
      else target.close()
      await expect(pending.acknowledged).rejects.toBeInstanceOf(OutboxClosed)
      await expect(waiting).rejects.toBeInstanceOf(OutboxClosed)
      await expect(target.offer(publication('e'))).rejects.toBeInstanceOf(OutboxClosed)
      sender.inFlight[0].settle([null])
      await inFlight.acknowledged
      await turns()
      expect(sender.sent).toEqual(['a'])
      expect(outbox.bytes).toBe(0)
      const { offered, acknowledged, superseded, refused, held } = target.counts
      expect([offered, acknowledged + superseded + refused + held]).toEqual([3, 3])
    },
  )

  test('does not retry a publication whose target was closed while it was in flight', async () => {
    const sender = new FakeSender()
    const outbox = new OrderedOutbox({ ...options(sender), maxBytes: 100 })
    const target = outbox.target(keyOf(1))
    const { acknowledged } = await target.offer(publication('a'))
    await turns()
    target.close()
    sender.inFlight[0].settle([new Error('lost')])
    await expect(acknowledged).rejects.toBeInstanceOf(OutboxClosed)
    await turns()
    expect(sender.calls).toHaveLength(1)
    expect(outbox.bytes).toBe(0)
  })
})
