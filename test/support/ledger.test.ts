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

const check = (data: unknown) =>
  expectLedgerToAddUp(
    'http://127.0.0.1:1',
    async () => ({ status: 200, text: JSON.stringify({ data }) }),
    0,
  )

describe('a ledger', () => {
  test('that adds up is accepted, also if its total includes targets that have left', async () => {
    await check({ total: good, targets: [target] })
    await check({ total: { ...good, published: 13, written: 6 }, targets: [target] })
  })

  test.each([
    ['with a snapshot that is counted twice', { ...good, written: 3 }, target],
    [
      'with a snapshot of a target that is not counted',
      good,
      { ...target, dropped: { moved: 1, unscraped: 1 } },
    ],
    [
      'with a negative term',
      { ...good, written: 5, pending: -1 },
      { ...target, written: 5, pending: -1 },
    ],
    ['with a missing term', { ...good, missed: undefined }, target],
    ['with a total below that of its target', { ...good, published: 8, missed: 0 }, target],
    [
      'with pending snapshots of a target that has left',
      { ...good, published: 10, pending: 3 },
      target,
    ],
  ])('%s does not add up', async (_, total, one) => {
    await expect(check({ total, targets: [one] })).rejects.toThrow()
  })

  test('that cannot be read is an error', async () => {
    const refused = expectLedgerToAddUp(
      'http://127.0.0.1:1',
      async () => ({ status: 503, text: 'blind' }),
      0,
    )
    await expect(refused).rejects.toThrow('blind')
  })
})
