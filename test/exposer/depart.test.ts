import { expect, test } from 'vitest'
import { depart } from '../../exposer/server/depart.js'
import { KafkaError } from '../../shared/kafka/errors.js'
import type { GroupDescription } from '../../shared/kafka/types.js'

const OTHER = { memberId: 'b', metadata: new Uint8Array(), partitions: [0, 1] }

/**
 * A shard of two that leaves its group, which takes `leaveMs`. The coordinator gives one answer after
 * the other: the number of other members.
 */
function departing(answers: readonly (number | Error)[], leaveMs = 0) {
  let asked = 0
  let skipped = 0
  const clock = { now: () => ({ wall: Date.now(), mono: performance.now() + skipped }) }
  const handovers = { pending: 1 }
  const consumer = {
    leave: async () => {
      skipped += leaveMs
    },
    describeGroup: async (): Promise<GroupDescription> => {
      const answer = answers[Math.min(asked++, answers.length - 1)]!
      if (answer instanceof Error) throw answer
      return { stable: true, partitionCount: 2, members: Array(answer).fill(OTHER) }
    },
  }
  const services = {
    ownership: { partitionCount: 2 },
    group: { forget() {}, map: () => ({ stable: true, partitionCount: 2, members: [] }) },
    changes: { notify() {} },
    handovers,
    clock,
  }
  return { handovers, clock, asked: () => asked, done: depart(services, consumer) }
}

test('a shard does not wait for another one that leaves as well', async () => {
  const { done, asked, handovers } = departing([1, 1, 0])
  await done
  expect(asked()).toBe(3)
  expect(handovers.pending).toBe(1)
})

test('a shard waits until its partitions are fetched, also while the coordinator does not answer', async () => {
  const { done, asked, handovers } = departing([1, new KafkaError('CONNECTION', 'no answer')])
  let isDone = false
  void done.then(() => {
    isDone = true
  })
  while (asked() < 3) await new Promise(resolve => setTimeout(resolve, 20))
  expect(isDone).toBe(false)
  handovers.pending = 0
  await done
})

test('a shard ends within its grace period, also if leaving has taken most of it and nobody fetches', async () => {
  const begun = performance.now()
  const { done, clock } = departing([1], 10_500)
  await done
  expect(clock.now().mono - begun).toBeLessThan(13_000)
})
