import { afterEach, expect, test } from 'vitest'
import type { Outcome } from '../../gateway/state/types.js'
import { eventually } from '../support/eventually.js'
import { newPushTopics, TestStore } from '../support/push-stores.js'

const stores: TestStore[] = []
afterEach(async () => {
  await Promise.all(stores.splice(0).map(store => store.stop()))
})

const BODIES = [
  '# TYPE a counter\na 1\n',
  '# TYPE a gauge\na 2\n',
  '# TYPE b gauge\nb{l="1"} 1\nb{l="2"} 2\n',
  '# HELP b Another help.\n# TYPE b gauge\nb{l="1"} 3\n',
  '# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
]
const METHODS = ['put', 'post', 'delete', 'accumulate', 'ingest', 'reject'] as const

test('gateways that take concurrent requests end equal, and so does one that starts later', async () => {
  const topics = await newPushTopics()
  const start = async (settings = {}, hours = 0) => {
    const clock = {
      now: () => ({ wall: Date.now() + hours * 3_600_000, mono: performance.now() + hours * 1e9 }),
    }
    const store = await new TestStore({ topics, settings, clock }).start()
    stores.push(store)
    return store
  }
  // One of them writes snapshots all the time, the other has a clock that is an hour ahead.
  const gateways = await Promise.all([start({ snapshotBytes: 5_000 }), start({}, 1)])
  let random = 1
  const next = (below: number) => {
    random = (random * 48_271) % 2_147_483_647
    return random % below
  }
  const outcomes: Outcome[] = []
  const client = async (gateway: TestStore) => {
    for (let i = 0; i < 70; i++) {
      const method = METHODS[next(METHODS.length)]
      const hasBody = method !== 'delete' && method !== 'reject'
      outcomes.push(
        await gateway.push({
          method,
          group: { job: `j${next(4)}` },
          body: hasBody ? BODIES[next(BODIES.length)] : '',
          checked: next(4) > 0,
          expiryMs: next(3) === 0 ? 50 + next(2_000) : 0,
        }),
      )
    }
  }
  await Promise.all([...gateways, ...gateways, ...gateways].map(client))
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['done', 'inconsistent']))
  await gateways[0].push({ method: 'tick' })
  const late = await start()
  expect(late.store.figures.snapshotsLoaded).toBe(1)
  const states = () => {
    const [first, ...others] = [...gateways, late].map(({ store }) => {
      const { machine } = store.current()!
      const shown = [...machine.view(machine.time).expose('allow-utf-8')].map(String).join('')
      return { offset: machine.offset, time: machine.time, held: machine.held(), shown }
    })
    return { first, others }
  }
  await eventually(() => {
    const { first, others } = states()
    for (const other of others) {
      expect(other.offset).toBe(first.offset)
      expect(other.time).toBe(first.time)
      expect(other.shown).toBe(first.shown)
      expect(other.held.samples).toBe(first.held.samples)
    }
  })
})
