import { readFileSync } from 'node:fs'
import { TextReader } from '../../../../shared/metrics/text/reader.js'
import { ExpositionRefused } from '../../../../shared/metrics/text/refusal.js'
import { bytesOf } from './collection.js'

/** The signs that stand for bytes in the tables of `docs/expositions.md`. */
const SIGNS: Readonly<Record<string, string>> = {
  '⏎': '\n',
  '⇥': '\t',
  '␍': '\r',
  '␀': '\0',
  '�': '\xff',
}

export interface DocumentedPage {
  readonly what: string
  readonly text: string
  /** What the table says is read, by dialect. */
  readonly read: readonly [
    scrape: string,
    scrapeOpenMetrics: string,
    push: string,
    openMetrics: string,
  ]
}

/** The rows of the table of differences between the dialects. */
export function documentedPages(): DocumentedPage[] {
  const docs = readFileSync(new URL('../../../../docs/expositions.md', import.meta.url), 'utf8')
  return docs
    .split('\n')
    .filter(line => /^\| .* \| `.*` \|/.test(line))
    .map(line => line.slice(2, -2).split(' | '))
    .filter(cells => cells.length === 6)
    .map(([what, page, ...read]) => ({
      what,
      text: page.slice(1, -1).replace(/[⏎⇥␍␀�]/gu, sign => SIGNS[sign]),
      read: read.map(cell => cell.replaceAll('`', '')) as unknown as DocumentedPage['read'],
    }))
}

/** Line feeds in names as a sign. */
const visible = (text: string) => text.replaceAll('\n', '⏎')

/** What is read of a page, as the table spells it. */
export function readings(text: string): string[] {
  const openMetrics = bytesOf(text.includes('# EOF') ? text : `${text}# EOF\n`)
  return [
    read(() => new TextReader('scrape').read(bytesOf(text), 'text')),
    read(() => new TextReader('scrape').read(openMetrics, 'openmetrics')),
    read(() => new TextReader('push').read(bytesOf(text))),
    read(() => new TextReader('openmetrics').read(openMetrics)),
  ]
}

function read(reading: () => ReturnType<TextReader['read']>): string {
  try {
    const { families, values, timestamps, exemplars, omitted } = reading()
    let index = 0
    const samples = families.flatMap(({ name, type, help, series }) =>
      series.map(({ suffix, labels }) => {
        const i = index++
        const inBraces = labels.map(label => `${label.name}=${JSON.stringify(label.value)}`)
        const at = timestamps && !Number.isNaN(timestamps[i]) ? ` @${timestamps[i]}` : ''
        const exemplar = exemplars?.some(({ series }) => series === i) ? ' with exemplar' : ''
        const isType = type === 'unknown' ? '' : `${type} `
        const text = help === '' ? '' : ` ${JSON.stringify(help)}`
        return visible(
          `${isType}${name}${suffix}${inBraces.length ? `{${inBraces}}` : ''} ${values[i]}${at}${exemplar}${text}`,
        )
      }),
    )
    const left = [...omitted].map(([reason, count]) => `${count} ${reason}`)
    return [...samples, ...left].join('; ') || 'nothing'
  } catch (error) {
    if (error instanceof ExpositionRefused) return 'refused'
    throw error
  }
}
