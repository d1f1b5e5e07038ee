import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../../shared/base/clock.js'
import { FetchState } from '../../../shared/kafka/reading/fetch-state.js'
import type { ReaderOptions } from '../../../shared/kafka/reading/options.js'
import { Reader } from '../../../shared/kafka/reading/reader.js'
import { eventually } from '../../support/eventually.js'
import { silent } from '../../support/kafka.js'
import { ScriptedCluster } from '../../support/scripted-cluster.js'
import { storedBatch } from '../../support/stored-batch.js'

const readers: Reader[] = []
afterEach(() => Promise.all(readers.splice(0).map(reader => reader.stop())))

function read(cluster: ScriptedCluster, options: Partial<ReaderOptions> = {}) {
  const handed: string[] = []
  const started: [partition: number, from: number, replaced: boolean][] = []
  /** Promises of the listener by partition. */
  const busy = new Map<number, Promise<void>>()
  const reader = new Reader({
    cluster: cluster.asCluster,
    topic: cluster.topic,
    clock: systemClock,
    logger: silent,
    linger: 0,
    ...options,
    events: {
      onStart: (partition, from, _until, replaced) => started.push([partition, from, replaced]),
      onRecords: (partition, records) => {
        for (const { offset, value, unreadable } of records) {
          handed.push(`${partition}/${offset} ${value?.subarray(0, 20) ?? unreadable}`)
        }
        return busy.get(partition)
      },
      onFetched: () => {},
      onError: () => {},
      onPartitionCount: () => {},
    },
  })
  readers.push(reader)
  reader.read(
    new Map(
      cluster.leaders.map((_, partition) => [partition, new FetchState(partition, 'earliest')]),
    ),
  )
  reader.start()
  return { reader, handed, started, busy }
}

/** Makes the next deliveries of a partition wait. @returns lets them continue */
function hold(busy: Map<number, Promise<void>>, partition: number): () => void {
  let release = () => {}
  busy.set(
    partition,
    new Promise(resolve => {
      release = resolve
    }),
  )
  return release
}

test('records are never delivered twice after a leader change during their delivery', async () => {
  const cluster = new ScriptedCluster([1, 1])
  cluster.end = 1
  const { handed, busy } = read(cluster, { metadataMaxAge: 20 })
  const release = hold(busy, 1)
  await eventually(() => expect(cluster.fetches).toHaveLength(1))
  cluster.fetches[0]!.answer([
    { partition: 0, records: storedBatch(0, ['first']) },
    { partition: 1, records: storedBatch(0, ['second']) },
  ])
  await eventually(() => expect(handed).toEqual(['0/0 first', '1/0 second']))

  cluster.leaders = [1, 2]
  let requests = 0
  const metadata = cluster.metadata.bind(cluster)
  cluster.metadata = topic => {
    requests++
    return metadata(topic)
  }
  await eventually(() => expect(requests).toBeGreaterThan(3))
  expect(cluster.fetches.map(({ leader }) => leader)).not.toContain(2)
  release()
  await eventually(() => expect(cluster.fetches.map(({ leader }) => leader)).toContain(2))
  expect(handed).toEqual(['0/0 first', '1/0 second'])
})

test('a partition whose records take long does not delay the others of its broker', async () => {
  const cluster = new ScriptedCluster([1, 1])
  cluster.end = 9
  const { handed, busy } = read(cluster)
  const release = hold(busy, 0)
  await eventually(() => expect(cluster.fetches).toHaveLength(1))
  cluster.fetches[0]!.answer([
    { partition: 0, records: storedBatch(0, ['slow']) },
    { partition: 1, records: storedBatch(0, ['one']) },
  ])
  for (const [i, text] of ['two', 'three', 'four'].entries()) {
    await eventually(() => expect(cluster.fetches).toHaveLength(i + 2))
    cluster.fetches[i + 1]!.answer([{ partition: 1, records: storedBatch(i + 1, [text]) }])
  }
  await eventually(() => expect(handed).toHaveLength(5))
  expect(handed).toEqual(['0/0 slow', '1/0 one', '1/1 two', '1/2 three', '1/3 four'])
  release()
  await eventually(() => expect(cluster.fetches).toHaveLength(5))
})

test('a topic that was deleted and created again is never read from the old position', async () => {
  const cluster = new ScriptedCluster([1])
  cluster.id = 'one'
  cluster.end = 3
  const { handed, started } = read(cluster, {
    metadataMaxAge: 20,
    afterReplacement: () => 'earliest',
  })
  await eventually(() => expect(cluster.fetches).toHaveLength(1))
  cluster.fetches[0]!.answer([{ records: storedBatch(0, ['a', 'b', 'c']) }])
  await eventually(() => expect(cluster.fetches).toHaveLength(2))

  // The new log has grown past the old position before the metadata is refreshed.
  cluster.id = 'two'
  cluster.end = 5
  await eventually(() => expect(started).toHaveLength(2))
  // The pending response is one of the deleted topic.
  cluster.fetches[1]!.answer([{ records: storedBatch(3, ['old']) }])
  await eventually(() => expect(cluster.fetches).toHaveLength(3))
  cluster.fetches[2]!.answer([{ records: storedBatch(0, ['v', 'w', 'x', 'y', 'z']) }])
  await eventually(() => expect(handed).toHaveLength(8))
  expect(handed.map(text => text.split(' ')[1])).toEqual(['a', 'b', 'c', 'v', 'w', 'x', 'y', 'z'])
  expect(started).toEqual([
    [0, 0, false],
    [0, 0, true],
  ])
})

test('the delivery of records of a deleted topic ends before the new topic is read', async () => {
  const cluster = new ScriptedCluster([1])
  cluster.id = 'one'
  cluster.end = 100
  const { handed, started, busy } = read(cluster, { metadataMaxAge: 20 })
  const release = hold(busy, 0)
  await eventually(() => expect(cluster.fetches).toHaveLength(1))
  // More than one slice.
  const values = Array.from({ length: 100 }, (_, i) => `old-${i}`)
  cluster.fetches[0]!.answer([{ records: storedBatch(0, values) }])
  await eventually(() => expect(handed).toHaveLength(64))
  let requests = 0
  const metadata = cluster.metadata.bind(cluster)
  cluster.metadata = topic => {
    requests++
    return metadata(topic)
  }
  cluster.id = 'two'
  await eventually(() => expect(requests).toBeGreaterThan(2))
  expect(started).toHaveLength(1)
  release()
  await eventually(() => expect(started).toHaveLength(2))
  expect(handed).toHaveLength(64)
})

test('a broker that still reports the deleted topic does not bring it back', async () => {
  const cluster = new ScriptedCluster([1])
  cluster.id = 'one'
  const { started } = read(cluster, { metadataMaxAge: 20, afterReplacement: () => 'earliest' })
  await eventually(() => expect(started).toHaveLength(1))
  cluster.id = 'two'
  await eventually(() => expect(started).toHaveLength(2))
  let requests = 0
  const metadata = cluster.metadata.bind(cluster)
  cluster.metadata = topic => {
    requests++
    return metadata(topic)
  }
  cluster.id = 'one'
  await eventually(() => expect(requests).toBeGreaterThan(2))
  // Nor does a broker that reports no ids.
  cluster.id = null
  const before = requests
  await eventually(() => expect(requests).toBeGreaterThan(before + 2))
  cluster.id = 'two'
  const then = requests
  await eventually(() => expect(requests).toBeGreaterThan(then + 2))
  expect(started).toHaveLength(2)
})
