import { hashSync } from 'bcryptjs'
import { afterEach, describe, expect, test } from 'vitest'
import { BcryptWorker } from '../../../../shared/http/web-config/bcrypt.js'
import { type Comparer, Users } from '../../../../shared/http/web-config/users.js'
import { eventually } from '../../../support/eventually.js'

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

const hashes = new Map([
  ['alice', hashSync('secret', 4)],
  ['bob', hashSync('with: colon, ünd', 5).replace('$2b', '$2y')],
])
const worker = new BcryptWorker()
/** The real comparisons, counted. */
class Counted implements Comparer {
  asked: string[] = []
  pending = 0
  compare(password: string, hash: string) {
    this.asked.push(hash)
    return worker.compare(password, hash)
  }
}

afterEach(() => expect(worker.pending).toBe(0))

describe('credentials', () => {
  test.each([
    ['right ones', basic('alice', 'secret'), 'known'],
    [
      'a password with a colon and umlauts, a hash as htpasswd writes it',
      basic('bob', 'with: colon, ünd'),
      'known',
    ],
    ['a scheme in small letters', basic('alice', 'secret').replace('Basic', 'basic'), 'known'],
    ['a wrong password', basic('alice', 'Secret'), 'unknown'],
    ['no password', basic('alice', ''), 'unknown'],
    ["another's password", basic('bob', 'secret'), 'unknown'],
    ['an unknown user', basic('eve', 'secret'), 'unknown'],
    ['none', undefined, 'unknown'],
    ['another scheme', 'Bearer abc', 'unknown'],
    ['no base64', 'Basic ???', 'unknown'],
    ['no colon', `Basic ${Buffer.from('alice').toString('base64')}`, 'unknown'],
  ])('%s', async (_, authorization, verdict) => {
    expect(await new Users(hashes, worker).judge(authorization)).toBe(verdict)
  })

  test('that were right are not compared again, and wrong ones are', async () => {
    const counted = new Counted()
    const users = new Users(hashes, counted)
    for (let i = 0; i < 3; i++) expect(await users.judge(basic('alice', 'secret'))).toBe('known')
    expect(counted.asked).toHaveLength(1)
    for (let i = 0; i < 2; i++) expect(await users.judge(basic('alice', 'wrong'))).toBe('unknown')
    expect(counted.asked).toHaveLength(3)
  })

  test('that many send at the same time are compared once', async () => {
    const counted = new Counted()
    const users = new Users(hashes, counted)
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, () => users.judge(basic('alice', 'secret'))),
    )
    expect(new Set(verdicts)).toEqual(new Set(['known']))
    expect(counted.asked).toHaveLength(1)
  })

  test('of users who do not exist cost as much as those of the dearest who does', async () => {
    const counted = new Counted()
    await new Users(hashes, counted).judge(basic('eve', 'secret'))
    expect(counted.asked).toEqual([expect.stringMatching(/^\$2b\$05\$[./A-Za-z0-9]{53}$/)])
  })

  test('beyond what can be compared in time are refused, but not those that were right before', async () => {
    const counted = new Counted()
    const users = new Users(hashes, counted)
    await users.judge(basic('alice', 'secret'))
    counted.pending = 1000
    expect(await users.judge(basic('alice', 'wrong'))).toBe('busy')
    expect(await users.judge(basic('alice', 'secret'))).toBe('known')
  })

  test('are remembered for a bounded number', async () => {
    const many = new Map(Array.from({ length: 1001 }, (_, i) => [`user-${i}`, 'hash']))
    const asked: string[] = []
    const users = new Users(many, {
      pending: 0,
      compare: async password => {
        asked.push(password)
        return true
      },
    })
    for (const name of many.keys()) await users.judge(basic(name, name))
    expect(asked).toHaveLength(1001)
    await users.judge(basic('user-1000', 'user-1000'))
    expect(asked).toHaveLength(1001)
    await users.judge(basic('user-0', 'user-0'))
    expect(asked).toHaveLength(1002)
  })
})

describe('the thread that compares', () => {
  test('leaves the event loop alone while it compares', async () => {
    const hash = hashSync('secret', 11)
    let turns = 0
    const turning = setInterval(() => turns++, 1)
    try {
      expect(await worker.compare('secret', hash)).toBe(true)
    } finally {
      clearInterval(turning)
    }
    // On this thread there would be two: one every 100 ms.
    expect(turns).toBeGreaterThan(5)
  })

  test('answers no to what is no hash, and goes on', async () => {
    expect(await worker.compare('secret', 'nonsense')).toBe(false)
    expect(await worker.compare('secret', hashes.get('alice')!)).toBe(true)
  })

  test('fails what waits when it is closed, and everything after', async () => {
    const closing = new BcryptWorker()
    const waiting = closing.compare('secret', hashSync('other', 10))
    const failed = expect(waiting).rejects.toThrow(/stopping/)
    await closing.close()
    await failed
    await expect(closing.compare('a', 'b')).rejects.toThrow(/stopping/)
    await eventually(() => expect(closing.pending).toBe(0))
  })
})
