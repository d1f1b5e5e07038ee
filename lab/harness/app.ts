import type { AppOptions, AppStats } from '../app/options.js'
import type { LabProcess } from './process.js'

/** A running app process, with the faults that an experiment injects. */
export class App {
  constructor(
    readonly process: LabProcess,
    readonly options: AppOptions,
  ) {}

  /** The `instance` labels of its targets. */
  get instances(): string[] {
    return Array.from({ length: this.options.targets }, (_, i) => `${this.options.instance}-${i}`)
  }

  async stats(options: { collectGarbage?: boolean } = {}): Promise<AppStats> {
    return JSON.parse(
      await this.process.get(`/control/stats${options.collectGarbage ? '?gc' : ''}`),
    ) as AppStats
  }

  /** SIGKILL: the publishers send no final snapshot. */
  kill(): Promise<void> {
    return this.process.kill()
  }

  /** SIGSTOP */
  pause(): void {
    this.process.signal('SIGSTOP')
  }

  /** SIGCONT */
  resume(): void {
    this.process.signal('SIGCONT')
  }

  /**
   * Sets the gauge `lab_alert` of every target to 1.
   *
   * @returns time of the change, Unix ms
   */
  async setAlert(): Promise<number> {
    await this.process.get('/control/alert')
    return Date.now()
  }

  async addSeries(count: number, target = 0): Promise<void> {
    await this.process.get(`/control/add-series?target=${target}&count=${count}`)
  }
}
