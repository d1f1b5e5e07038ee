import type { FleetOptions, FleetStats } from '../fleet/options.js'
import type { LabProcess } from './process.js'

/** A running fleet: one process that stands for many apps. */
export class Fleet {
  constructor(
    readonly process: LabProcess,
    readonly options: FleetOptions,
  ) {}

  async stats(): Promise<FleetStats> {
    return JSON.parse(await this.process.get('/control/stats')) as FleetStats
  }

  /** Raises the number of targets. A smaller number has no effect. */
  async growTo(targets: number): Promise<void> {
    await this.process.get(`/control/targets?count=${targets}`)
  }
}
