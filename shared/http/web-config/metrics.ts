import { Counter, Gauge, type Registry } from 'prom-client'
import type { LiveWebConfig } from './live.js'

/**
 * Registers the metrics of a web configuration. Programs without one do not expose them.
 *
 * @param prefix prefix of the metric names, such as `exposer`
 */
export function registerWebConfigMetrics(
  registry: Registry,
  prefix: string,
  web: LiveWebConfig,
): void {
  const registers = [registry]
  new Counter({
    name: `${prefix}_web_config_reloads_total`,
    help: 'Web configuration reloads by result.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset()
      for (const [outcome, count] of Object.entries(web.reloads)) this.inc({ outcome }, count)
    },
  })
  new Gauge({
    name: `${prefix}_web_config_last_reload_successful`,
    help: 'Whether the last reload of the web configuration was successful.',
    registers,
    collect() {
      this.set(Number(web.lastReloadSuccessful))
    },
  })
  new Counter({
    name: `${prefix}_web_turned_away_total`,
    help: 'Connections and requests refused because of the web configuration, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of Object.entries(web.refused)) this.inc({ reason }, count)
    },
  })
}
