import { join } from 'node:path'
import type { Results } from '../types.js'
import { renderHtml } from './html.js'
import { renderPlot, slug, standalone } from './plot.js'
import { writeAtomically, writeResults } from './results.js'

/**
 * Writes `index.html`, `results.json` and each plot as an SVG file into the folder.
 *
 * @returns the paths of the first two
 */
export async function writeReport(
  results: Results,
  folder: string,
): Promise<{ html: string; json: string }> {
  const paths = { html: join(folder, 'index.html'), json: join(folder, 'results.json') }
  await writeAtomically(paths.html, renderHtml(results))
  await writeResults(paths.json, results)
  for (const { name, plots } of results.experiments) {
    for (const [i, plot] of plots.entries()) {
      const svg = renderPlot(plot)
      if (svg)
        await writeAtomically(join(folder, 'plots', `${slug(name)}-${i + 1}.svg`), standalone(svg))
    }
  }
  return paths
}
