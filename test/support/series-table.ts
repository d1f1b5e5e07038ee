import { runNow } from '../../shared/base/steps.js'
import { layoutTextSteps } from '../../shared/exposition/layout-text.js'
import type { Layout } from '../../shared/metrics/layout.js'
import type { Label } from '../../shared/metrics/model.js'
import { seriesTableSteps } from '../../shared/remote-write/series-table.js'

/** The table of a layout for targets with these labels. */
export function tableOf(layout: Layout, target: readonly Label[], external: readonly Label[] = []) {
  const text = runNow(layoutTextSteps(layout, 'allow-utf-8', new Set()))
  let at = 0
  const families = layout.families.map(({ name, type, help, unit, series }) => {
    const from = at
    at += series.length
    return { name, counterSuffix: '', type, help, unit, from, to: at } as const
  })
  const labels = { target: target.map(({ name }) => name), external }
  return runNow(seriesTableSteps({ families, text }, labels))
}
