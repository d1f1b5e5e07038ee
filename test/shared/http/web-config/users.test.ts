import { hashSync } from 'bcryptjs'
import { afterEach, describe, expect, test } from 'vitest'
import { BcryptWorker } from '../../../../shared/http/web-config/bcrypt.js'
import { type PasswordComparer, Users } from '../../../../shared/http/web-config/users.js'
import { eventually } from '../../../support/eventually.js'

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

const hashes = new Map([
  ['alice', hashSync('secret', 4)],
  ['bob', hashSync('with: colon, ünd', 5).replace('$2b', '$2y')],
])
const worker = new BcryptWorker()
/** Compares passwords and records the hashes. */
class RecordingComparer implements PasswordComparer {
  compared: string[] = []
  backlogMs = 0
  compare(password: string, hash: string) {
    this.compared.push(hash)
    return worker.compare(password, hash)
  }
}

afterEach(() => expect(worker.pending).toBe(0))

describe('credentials', () => {
  test.each([
    ['valid ones', basic('alice', 'secret'), 'known'],
    [
      'a password with a colon and umlauts, a hash as htpasswd writes it',
      basic('bob', 'with: colon, ünd'),
      'known',
    ],
    ['a lower-case scheme', basic('alice', 'secret').replace('Basic', 'basic'), 'known'],
    ['a wrong password', basic('alice', 'Secret'), 'unknown'],
    ['no password', basic('alice', ''), 'unknown'],
    ["another's password", basic('bob', 'secret'), 'unknown'],
    ['an unknown user', basic('eve', 'secret'), 'unknown'],
    ['none', undefined, 'unknown'],
    ['another scheme', 'Bearer abc', 'unknown'],
    ['invalid base64', 'Basic ???', 'unknown'],
    ['no colon', `Basic ${Buffer.from('alice').toString('base64')}`, 'unknown'],
  ])('%s', async (_, authorization, verdict) => {
    expect(await new Users(hashes, worker).judge(authorization)).toBe(verdict)
  })

  test('are cached if they are right, and not if they are wrong', async () => {
    const comparer = new RecordingComparer()
    const users = new Users(hashes, comparer)
    for (let i = 0; i < 3; i++) expect(await users.judge(basic('alice', 'secret'))).toBe('known')
    expect(comparer.compared).toHaveLength(1)
    for (let i = 0; i < 2; i++) expect(await users.judge(basic('alice', 'wrong'))).toBe('unknown')
    expect(comparer.compared).toHaveLength(3)
  })

  test('of simultaneous requests are compared once', async () => {
    const comparer = new RecordingComparer()
    const users = new Users(hashes, comparer)
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, () => users.judge(basic('alice', 'secret'))),
    )
    expect(new Set(verdicts)).toEqual(new Set(['known']))
    expect(comparer.compared).toHaveLength(1)
  })

  test('of unknown users are compared with the highest cost of the known ones', async () => {
    const comparer = new RecordingComparer()
    await new Users(hashes, comparer).judge(basic('eve', 'secret'))
    expect(comparer.compared).toEqual([expect.stringMatching(/^\$2b\$05\$[./A-Za-z0-9]{53}$/)])
  })

  test('are refused while too many comparisons are pending, except cached ones', async () => {
    const comparer = new RecordingComparer()
    const users = new Users(hashes, comparer)
    await users.judge(basic('alice', 'secret'))
    comparer.backlogMs = 5001
    expect(await users.judge(basic('alice', 'wrong'))).toBe('busy')
    expect(await users.judge(basic('alice', 'secret'))).toBe('known')
  })

  test('of one client are refused beyond a few pending ones, and those of others are compared', async () => {
    let answer: (same: boolean) => void = () => {}
    const answered = new Promise<boolean>(resolve => {
      answer = resolve
    })
    const users = new Users(hashes, { backlogMs: 0, compare: () => answered })
    const tries = Array.from({ length: 20 }, (_, i) =>
      users.judge(basic('alice', `wrong-${i}`), '192.0.2.1'),
    )
    const scraper = users.judge(basic('alice', 'secret'), '192.0.2.2')
    answer(false)
    const verdicts = await Promise.all(tries)
    expect(verdicts.filter(verdict => verdict === 'busy')).toHaveLength(12)
    expect(await scraper).toBe('unknown')
    expect(await users.judge(basic('alice', 'another'), '192.0.2.1')).toBe('unknown')
  })

  test('stay verified when other users change, and not when their own hash does', async () => {
    const comparer = new RecordingComparer()
    const users = new Users(hashes, comparer)
    await users.judge(basic('alice', 'secret'))
    await users.judge(basic('bob', 'with: colon, ünd'))
    users.update(new Map([...hashes, ['bob', hashSync('new', 4)]]))
    comparer.backlogMs = 5001
    expect(await users.judge(basic('alice', 'secret'))).toBe('known')
    expect(await users.judge(basic('bob', 'with: colon, ünd'))).toBe('busy')
    comparer.backlogMs = 0
    expect(await users.judge(basic('bob', 'with: colon, ünd'))).toBe('unknown')
    users.update(new Map())
    expect(users.required).toBe(false)
  })

  test('are not verified by a comparison with a hash that was replaced meanwhile', async () => {
    const users = new Users(hashes, worker)
    const verdict = users.judge(basic('alice', 'secret'))
    users.update(new Map([['alice', hashSync('new', 4)]]))
    expect(await verdict).toBe('unknown')
    expect(await users.judge(basic('alice', 'secret'))).toBe('unknown')
    expect(await users.judge(basic('alice', 'new'))).toBe('known')
  })

  test('are cached up to a limit', async () => {
    const many = new Map(Array.from({ length: 1001 }, (_, i) => [`user-${i}`, 'hash']))
    const compared: string[] = []
    const users = new Users(many, {
      backlogMs: 0,
      compare: async password => {
        compared.push(password)
        return true
      },
    })
    for (const name of many.keys()) await users.judge(basic(name, name))
    expect(compared).toHaveLength(1001)
    await users.judge(basic('user-1000', 'user-1000'))
    expect(compared).toHaveLength(1001)
    await users.judge(basic('user-0', 'user-0'))
    expect(compared).toHaveLength(1002)
  })
})

describe('the bcrypt thread', () => {
  test('does not block the event loop', async () => {
    const hash = hashSync('secret', 11)
    let turns = 0
    const turning = setInterval(() => turns++, 1)
    try {
      expect(await worker.compare('secret', hash)).toBe(true)
    } finally {
      clearInterval(turning)
    }
    // On this thread there would be two turns, one every 100 ms.
    expect(turns).toBeGreaterThan(5)
  })

  test('knows its backlog from the costs of the hashes and the time of earlier comparisons', async () => {
    const cost = 8
    const hash = hashSync('secret', cost)
    await worker.compare('secret', hash)
    const one = worker.compare('secret', hash)
    const expected = worker.backlogMs
    const four = [one, ...[0, 1, 2].map(() => worker.compare('secret', hash))]
    expect(worker.backlogMs).toBeCloseTo(4 * expected)
    await Promise.all(four)
    expect(worker.backlogMs).toBe(0)
  })

  test('rejects any password for an invalid hash, and continues', async () => {
    expect(await worker.compare('secret', 'nonsense')).toBe(false)
    expect(await worker.compare('secret', hashes.get('alice')!)).toBe(true)
  })

  test('rejects pending and later comparisons when it is closed', async () => {
    const closing = new BcryptWorker()
    const waiting = closing.compare('secret', hashSync('other', 10))
    const failed = expect(waiting).rejects.toThrow(/stopping/)
    await closing.close()
    await failed
    await expect(closing.compare('a', 'b')).rejects.toThrow(/stopping/)
    await eventually(() => expect(closing.pending).toBe(0))
  })
})
