import { join } from 'node:path'
import type { Results } from '../types.js'
import { renderHtml } from './html.js'
import { writeResults, writeWhole } from './results.js'

/** Writes `index.html` and `results.json` into the folder, and says where they are. */
export async function writeReport(results: Results, folder: string): Promise<{ html: string; json: string }> {
  const paths = { html: join(folder, 'index.html'), json: join(folder, 'results.json') }
  await writeWhole(paths.html, renderHtml(results))
  await writeResults(paths.json, results)
  return paths
}
