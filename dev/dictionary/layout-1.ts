import { readFileSync } from 'node:fs'
import { runNow } from '../../shared/base/steps.js'
import type { LayoutFamily } from '../../shared/metrics/layout.js'
import { TextReader } from '../../shared/metrics/text/reader.js'
import { mapSources } from '../../shared/snapshot/mapping/sources.js'
import { choose } from './choose.js'

/**
 * Expositions of real programs (see corpus/README.md), the most common last, and the novelty that
 * their series need. Publishers of this repository have the default metrics of prom-client and
 * those of the publisher itself: these pages are kept whole.
 */
const PAGES: readonly (readonly [name: string, minNew: number])[] = [
  ['java-client', 14],
  ['node-exporter', 22],
  ['micrometer', 12],
  ['dotnet', 12],
  ['python-http', 12],
  ['go', 12],
  ['python', 1],
  ['http', 13],
  ['publisher', 1],
  ['prom-client', 1],
]

/** Builds dictionary 1 anew. Its file never changes: another corpus is another dictionary. */
export function buildLayout1(): Buffer {
  return choose(PAGES.map(([name, minNew]) => ({ families: familiesOf(name), minNew })))
}

function familiesOf(page: string): readonly LayoutFamily[] {
  const text = readFileSync(new URL(`./corpus/${page}.prom`, import.meta.url))
  const { families } = new TextReader('scrape').read(text, 'text')
  const { layout } = runNow(mapSources([{ families }]))
  return layout.families.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
