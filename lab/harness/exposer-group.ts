import type { LoadBalancer } from '../../dev/local/load-balancer.js'
import type { LabProcess } from './process.js'

/** The shards of an exposer group behind one address. */
export class ExposerGroup {
  readonly shards: LabProcess[] = []

  constructor(
    private readonly front: LoadBalancer,
    private readonly startShard: (index: number) => Promise<LabProcess>,
  ) {}

  get url(): string {
    return this.front.url
  }

  /** Number of targets in state `up`, summed over all shards. */
  async countUp(): Promise<number> {
    let up = 0
    for (const shard of this.shards) {
      const telemetry = await shard.get('/telemetry')
      up += Number(/^exposer_targets\{state="up"\} (\d+)/m.exec(telemetry)?.[1] ?? 0)
    }
    return up
  }

  async addShard(): Promise<LabProcess> {
    const shard = await this.startShard(this.shards.length)
    this.shards.push(shard)
    this.front.setBackends(this.shards.map(({ url }) => url))
    return shard
  }
}
