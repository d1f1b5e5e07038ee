import type { Logger } from '../../shared/base/logger.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import { ExpositionSampler } from '../../shared/publish/exposition-sampler.js'
import type { Collector } from '../../shared/publish/snapshot-loop.js'
import { createHost } from '../host/host.js'
import type { RunningTarget } from '../targets/running-target.js'
import type { Targets } from '../targets/targets.js'
import type { HostTarget } from './config.js'

/**
 * Starts the collection of this machine's metrics.
 *
 * @param externalLabels added where the target has no such label
 * @returns why the target cannot be published, or the target
 */
export function startHost(
  { job, instance, intervalMs, options }: HostTarget,
  externalLabels: Readonly<Record<string, string>>,
  targets: Targets,
  logger: Logger,
): RunningTarget | string {
  const host = createHost(options)
  const sampler = new ExpositionSampler()
  let reported = ''
  const collector: Collector = {
    async collect(timeoutMs) {
      const exposition = await host.collect(timeoutMs)
      const failures = [...host.failures].map(([name, reason]) => `${name}: ${reason}`).join('; ')
      if (failures !== reported && failures !== '')
        logger.warn('Collectors of the host failed', { failures })
      reported = failures
      return { sample: () => sampler.sample(exposition) }
    },
  }
  const external = Object.entries(externalLabels).filter(([, value]) => value !== '')
  return targets.add({
    labels: sortLabels({ ...Object.fromEntries(external), job, instance }),
    intervalMs,
    collector,
    immediate: true,
    endsWithProgram: true,
  })
}
