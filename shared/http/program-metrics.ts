import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client'

/**
 * Registers the versions of a program and the metrics of its process.
 *
 * @param prefix of the metric names, such as `exposer`
 */
export function registerProgramMetrics(registry: Registry, prefix: string, version: string): void {
  new Gauge({
    name: `${prefix}_build_info`,
    help: "A metric with a constant '1' value labeled by the versions of kafka-exposer and Node.js.",
    labelNames: ['version', 'nodeversion'],
    registers: [registry],
  }).set({ version, nodeversion: process.versions.node }, 1)
  // Coarse, because the default timer wakes an idle program 100 times per second.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 25 })
}

/** All metrics in text format 0.0.4, without samples that are NaN. */
export async function metricsText(registry: Registry): Promise<string> {
  const text = await registry.metrics()
  // prom-client writes NaN as `Nan`. It stands for averages of zero events.
  return text.replace(/^.* Nan\n/gm, '')
}
