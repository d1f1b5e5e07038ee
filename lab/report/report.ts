import { join } from 'node:path'
import type { Results } from '../types.js'
import { renderHtml } from './html.js'
import { renderPlot, slug } from './plot.js'
import { writeResults, writeWhole } from './results.js'
import { STYLE } from './style.js'

/** Writes `index.html`, `results.json` and each plot as a picture by itself into the folder, and says where they are. */
export async function writeReport(results: Results, folder: string): Promise<{ html: string; json: string }> {
  const paths = { html: join(folder, 'index.html'), json: join(folder, 'results.json') }
  await writeWhole(paths.html, renderHtml(results))
  await writeResults(paths.json, results)
  for (const { name, plots } of results.experiments) {
    for (const [i, plot] of plots.entries()) {
      const svg = renderPlot(plot)
      if (svg) await writeWhole(join(folder, 'plots', `${slug(name)}-${i + 1}.svg`), alone(svg))
    }
  }
  return paths
}

/** With the colours that the page gives it otherwise, and a ground of its own. */
const alone = (svg: string) =>
  svg
    .replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')
    .replace('>', `><style>${STYLE} svg { background: var(--panel); }</style>`)
