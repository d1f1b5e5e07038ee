import {
  escapeHelp,
  isLegacyLabelName,
  LABEL_CHARACTER,
  underscores,
} from '../../shared/exposition/escape.js'
import type { Escaping } from '../../shared/exposition/format.js'
import { latin1, nameText } from '../../shared/exposition/layout-text.js'
import type { Label } from '../../shared/metrics/model.js'
import type { Head } from './family-entry.js'
import { parseSeries, seriesText } from './series-text.js'

/** The lines HELP, if there is a help text, and TYPE. */
export function metadataLines(name: string, { type, help }: Head, escaping: Escaping): string {
  const { text: written } = nameText(name, escaping)
  const helpLine = help === '' ? '' : `# HELP ${written} ${escapeHelp(help, false)}\n`
  return latin1(`${helpLine}# TYPE ${written} ${type === 'unknown' ? 'untyped' : type}\n`)
}

/** Lines with underscores instead of characters that names in the legacy character set lack. */
export function legacyLines(lines: string): string {
  let legacy = ''
  for (let from = 0; from < lines.length; ) {
    const end = lines.indexOf('\n', from)
    const blank = lines.lastIndexOf(' ', end)
    const { name, labels } = parseSeries(lines.slice(from, blank))
    const text = seriesText(nameText(name, 'underscores').text, legacyLabels(labels))
    legacy += latin1(text) + lines.slice(blank, end + 1)
    from = end + 1
  }
  return legacy
}

/** Of labels that get the same name, the first one is kept. */
function legacyLabels(labels: readonly Label[]): Label[] {
  const kept = new Map<string, string>()
  for (const { name, value } of labels) {
    const legacy = isLegacyLabelName(name) ? name : underscores(name, LABEL_CHARACTER)
    if (!kept.has(legacy)) kept.set(legacy, value)
  }
  return [...kept].map(([name, value]) => ({ name, value }))
}
