import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { noFigures } from '../../../../gateway/store/kafka/figures.js'
import { Submissions } from '../../../../gateway/store/kafka/submissions.js'
import { AppendError, type Appended } from '../../../../shared/kafka/log/appender.js'

const TIMEOUT = 5_000
let answers: { resolve(appended: Appended): void; reject(error: AppendError): void }[]
let submissions: Submissions
beforeEach(() => {
  vi.useFakeTimers()
  answers = []
  const append = () => new Promise<Appended>((resolve, reject) => answers.push({ resolve, reject }))
  const limits = { timeout: TIMEOUT, maxRequests: 3, maxBytes: 100 }
  submissions = new Submissions({ append }, limits, noFigures())
})
afterEach(() => vi.useRealTimers())

const DONE = { kind: 'done' } as const
const id = (n: number) => Buffer.alloc(16, n)
const record = (text: string) => Buffer.from(text)
const fetched = (value: Buffer) => ({ offset: 0, time: 0, value })

test('a request has its result once it was applied, also before the brokers have answered', async () => {
  const first = submissions.submit(id(1), record('a'), true)
  submissions.applied(id(1), fetched(record('a')), DONE)
  expect(await first).toEqual(DONE)
  const second = submissions.submit(id(2), record('b'), true)
  answers[1].resolve({ offset: 1, time: 1 })
  await vi.advanceTimersByTimeAsync(100)
  expect(submissions.pending.requests).toBe(1)
  submissions.applied(id(2), fetched(record('b')), { kind: 'id_reused' })
  expect(await second).toEqual({ kind: 'id_reused' })
  // The answer to the first one comes too late to matter.
  answers[0].reject(new AppendError('late', true))
  await submissions.idle()
})

test('the record of another gateway with the same id and other bytes is no result', async () => {
  const ours = submissions.submit(id(1), record('ours'), true)
  submissions.applied(id(1), fetched(record('theirs')), DONE)
  expect(submissions.pending.requests).toBe(1)
  submissions.applied(id(1), fetched(record('ours')), { kind: 'id_reused' })
  expect(await ours).toEqual({ kind: 'id_reused' })
})

test('a request that need not be applied has its result once the brokers have it', async () => {
  const sent = submissions.submit(id(1), record('a'), false)
  answers[0].resolve({ offset: 0, time: 0 })
  expect(await sent).toEqual(DONE)
})

test('a request fails at its deadline, whether it was appended or only not applied', async () => {
  const applied = submissions.submit(id(1), record('a'), true).catch(error => error)
  answers[0].resolve({ offset: 0, time: 0 })
  const refused = submissions.submit(id(2), record('b'), true).catch(error => error)
  answers[1].reject(new AppendError('no broker', false))
  expect(await refused).toMatchObject({ message: 'no broker', maybeApplied: false })
  await vi.advanceTimersByTimeAsync(TIMEOUT)
  expect(await applied).toMatchObject({ name: 'StoreUnavailable', maybeApplied: true })
  expect(submissions.pending).toEqual({ requests: 0, bytes: 0 })
})

test('a request that the brokers refuse for its size is no outage: a repeat would fail, too', async () => {
  const refused = submissions.submit(id(1), record('a'), true).catch(error => error)
  answers[0].reject(new AppendError('too large', false, { tooLarge: true }))
  expect(await refused).toMatchObject({ name: 'RequestTooLarge', message: 'too large' })
  expect(submissions.pending).toEqual({ requests: 0, bytes: 0 })
})

test('no more requests wait than their number and their bytes allow', async () => {
  const waiting = [1, 2, 3].map(n => submissions.submit(id(n), record('a'), true))
  const fourth = submissions.submit(id(4), record('a'), true)
  await expect(fourth).rejects.toMatchObject({ maybeApplied: false })
  for (const n of [1, 2, 3]) submissions.applied(id(n), fetched(record('a')), DONE)
  await Promise.all(waiting)
  // One alone may exceed the bytes, because it could never be sent otherwise.
  const large = Buffer.alloc(101)
  const alone = submissions.submit(id(5), large, true)
  await expect(submissions.submit(id(6), record('a'), true)).rejects.toThrow('try again')
  submissions.applied(id(5), fetched(large), DONE)
  expect(await alone).toEqual(DONE)
  expect(answers).toHaveLength(4)
})
