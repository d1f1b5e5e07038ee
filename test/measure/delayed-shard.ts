import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { groupMapOf } from '../../exposer/group/map.js'
import { endpoints } from '../../exposer/routes/endpoints.js'
import { assemble } from '../../exposer/server/assemble.js'
import type { ExposerConfig } from '../../exposer/server/config.js'
import { createShardConsumer } from '../../exposer/server/consumer.js'
import { systemClock } from '../../shared/base/clock.js'
import { close, createHttpServer, listen, serve } from '../../shared/http/server.js'
import type { GroupConsumer, PartitionListener } from '../../shared/kafka/types.js'
import { EXPOSER_CONFIG } from '../support/exposer-config.js'
import { seconds } from './world.js'

const quiet = { debug() {}, info() {}, warn() {}, error: console.error }

/** A shard in this process that gets each record with an additional delay. The order is kept. */
export class DelayedShard {
  private constructor(
    readonly url: string,
    private readonly server: Server,
    private readonly consumer: GroupConsumer,
  ) {}

  /** @param delay draws the delay of a record from its append time, ms */
  static async start(brokers: string[], topic: string, delay: () => number): Promise<DelayedShard> {
    const server = createHttpServer({ maxConnections: 1000 })
    await listen(server, { host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const config: ExposerConfig = {
      ...EXPOSER_CONFIG,
      kafka: { brokers },
      topic,
      group: topic,
      sessionTimeout: 60_000,
      advertiseAddress: url,
      externalUrl: url,
      playoutDelay: 'auto',
    }
    let consumer: GroupConsumer
    const { services, feed } = assemble(config, {
      clock: systemClock,
      logger: quiet,
      version: 'measured',
      address: url,
      leaseUntil: () => consumer.leaseUntil(),
      readGroup: async () => groupMapOf(await consumer.describeGroup()),
      trouble: () => undefined,
    })
    consumer = createShardConsumer(
      config,
      { address: url, secret: services.secret },
      {
        listener: delayed(feed, delay),
        logger: quiet,
        clock: systemClock,
      },
    )
    serve(server, endpoints(services))
    await consumer.start()
    return new DelayedShard(url, server, consumer)
  }

  async stop(): Promise<void> {
    await close(this.server, 0)
    await this.consumer.stop()
  }
}

/** Passes records one by one, each after its delay and after the previous one. */
function delayed(feed: PartitionListener, delay: () => number): PartitionListener {
  return {
    onAssignment: assignment => feed.onAssignment(assignment),
    onReplay: (partition, from, until) => feed.onReplay(partition, from, until),
    onRebalancing: () => feed.onRebalancing(),
    onFetched: (partition, next, end, mono) => feed.onFetched(partition, next, end, mono),
    onFetchError: (error, partitions) => feed.onFetchError(error, partitions),
    async onRecords(partition, records, position) {
      for (const record of records) {
        const wait = record.timestamp + delay() - Date.now()
        if (wait > 0) await seconds(wait / 1000)
        await feed.onRecords(partition, [record], position)
      }
    },
  }
}
