import { Counter, Gauge, type Registry } from 'prom-client'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'

/** What `--web.config.file` does; nothing of this is there without one. */
export function registerWebMetrics(registry: Registry, web: LiveWebConfig): void {
  const registers = [registry]
  new Counter({
    name: 'exposer_web_config_reloads_total',
    help: 'Changes of the web configuration that were read, by whether they could be used.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset()
      for (const [outcome, count] of Object.entries(web.reloads)) this.inc({ outcome }, count)
    },
  })
  new Gauge({
    name: 'exposer_web_config_last_reload_successful',
    help: 'Whether what the web configuration says now is in force.',
    registers,
    collect() {
      this.set(Number(web.lastReloadSuccessful))
    },
  })
  new Counter({
    name: 'exposer_web_turned_away_total',
    help: 'Connections and requests that were not let in, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of Object.entries(web.turnedAway)) this.inc({ reason }, count)
    },
  })
}
