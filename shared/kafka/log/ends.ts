import { KafkaError } from '../errors.js'
import type { Cluster } from '../wire/cluster.js'
import { deleteRecords } from '../wire/delete-records.js'
import type { Link } from '../wire/link.js'
import { EARLIEST, LATEST, listOffsets } from '../wire/offsets.js'
import { LeaderLink, leaderOf } from './leader-link.js'

const PARTITION = 0

/** The part of a log that exists. */
export interface LogEnds {
  /** Offset of the first record. */
  readonly begin: number
  /** High watermark: the offset after the last record that all in-sync replicas have. */
  readonly end: number
}

/**
 * Ends of the log of a topic with one partition.
 *
 * @throws KafkaError
 */
export async function logEnds(cluster: Cluster, topic: string): Promise<LogEnds> {
  const leader = await leaderOf(cluster, topic, PARTITION)
  // Not a link of its own: these requests are answered at once.
  const link = cluster.linkToNode(leader)
  // The end first: what is deleted in between can only move the beginning.
  const end = await offsetOf(cluster, link, topic, LATEST)
  const begin = await offsetOf(cluster, link, topic, EARLIEST)
  return { begin, end: Math.max(begin, end) }
}

/**
 * Deletes the records of a topic with one partition that are below an offset.
 *
 * @throws KafkaError
 */
export async function deleteBelow(cluster: Cluster, topic: string, below: number): Promise<void> {
  const leader = new LeaderLink(cluster, topic, PARTITION)
  try {
    const link = await leader.connect()
    await deleteRecords(link, { topic, partition: PARTITION, below }, cluster.requestTimeout)
  } finally {
    leader.drop()
  }
}

async function offsetOf(cluster: Cluster, link: Link, topic: string, which: number) {
  const wanted = new Map([[PARTITION, which]])
  const found = (await listOffsets(link, topic, wanted, cluster.requestTimeout)).get(PARTITION)
  if (typeof found === 'number') return found
  throw found ?? new KafkaError('UNKNOWN', `the response of ${link.address} lacks topic ${topic}`)
}
