import { describe, expect, test } from 'vitest'
import { expectLedgerToAddUp } from './ledger.js'

const good = {
  published: 9,
  written: 2,
  superseded: 1,
  pending: 2,
  missed: 1,
  dropped: { moved: 1, unscraped: 2 },
}
const target = { ...good, labels: { job: 'shop' }, shard: 'http://127.0.0.1:1' }

const judge = (data: unknown) =>
  expectLedgerToAddUp('http://127.0.0.1:1', async () => ({ status: 200, text: JSON.stringify({ data }) }), 0)

describe('a ledger', () => {
  test('that adds up is taken, also when the sum knows of targets that are gone', async () => {
    await judge({ total: good, targets: [target] })
    await judge({ total: { ...good, published: 13, written: 6 }, targets: [target] })
  })

  test.each([
    ['in which one was counted twice', { ...good, written: 3 }, target],
    ['in which one of a target was counted never', good, { ...target, dropped: { moved: 1, unscraped: 1 } }],
    [
      'that makes up for what it counted twice',
      { ...good, written: 5, pending: -1 },
      { ...target, written: 5, pending: -1 },
    ],
    ['without a term', { ...good, missed: undefined }, target],
    ['whose sum has less than its target', { ...good, published: 8, missed: 0 }, target],
    [
      'in which something is pending for a target that is gone',
      { ...good, published: 10, pending: 3 },
      target,
    ],
  ])('%s does not add up', async (_, total, one) => {
    await expect(judge({ total, targets: [one] })).rejects.toThrow()
  })

  test('that cannot be had is no ledger that adds up', async () => {
    const refused = expectLedgerToAddUp('http://127.0.0.1:1', async () => ({ status: 503, text: 'blind' }), 0)
    await expect(refused).rejects.toThrow('blind')
  })
})
