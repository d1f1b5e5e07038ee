import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderComparison } from '../../lab/report/compare.js'
import { writeReport } from '../../lab/report/report.js'
import { readResults } from '../../lab/report/results.js'
import { renderTable } from '../../lab/report/table.js'
import { type ExperimentResult, type Results, VARIANTS } from '../../lab/types.js'
import { startChromium } from '../support/chromium.js'
import { partOrSkip } from '../support/or-skip.js'

/** What a run may look like at its worst: four lines that end in one place, a gap, a failure, names to be escaped. */
const experiment: ExperimentResult = {
  name: 'asynchrony',
  title: 'Asynchrony <b>& so on</b>',
  question: 'Is it "so"?',
  parameters: { seconds: 30, ways: ['uniform', 'heavy'] },
  seconds: 95,
  notMeasured: ['what nobody could'],
  verdicts: [
    { claim: 'It is', holds: true, because: '1 %' },
    { claim: 'It is not', holds: false, because: '2 %' },
    { claim: 'Who knows', holds: null, because: 'no value' },
  ],
  figures: VARIANTS.flatMap((variant, i) => [
    { name: 'error', variant, setting: '0–8 s', unit: '%', values: [i, i + 0.5, i + 1] },
    {
      name: 'latency',
      variant,
      setting: '',
      unit: 's',
      values: i === 2 ? [] : [i],
      ...(i === 2 ? { note: 'never seen' } : {}),
    },
  ]),
  plots: [
    {
      kind: 'time',
      title: 'Over time',
      caption: 'All end in one place.',
      x: 'seconds',
      y: 'MB',
      lines: VARIANTS.map((variant, i) => ({
        variant,
        label: '',
        points: Array.from({ length: 30 }, (_, x) => [x, x === 10 ? Number.NaN : 5 + i / 100] as const),
      })),
      marks: [{ from: 5, to: 12, label: 'outage' }],
    },
    {
      kind: 'distribution',
      title: 'Shares',
      caption: 'Further left is better.',
      x: 'error, %',
      y: 'share',
      logX: true,
      lines: VARIANTS.map((variant, i) => ({
        variant,
        label: '',
        points: [
          [0.01 * 10 ** i, 0.5],
          [0.1 * 10 ** i, 1],
        ],
      })),
    },
    {
      kind: 'scaling',
      title: 'Sizes',
      caption: 'Both axes by powers of ten.',
      x: 'series',
      y: 's',
      lines: VARIANTS.map((variant, i) => ({
        variant,
        label: '',
        points: [
          [1e4, 0.1 + i],
          [1e6, 10 + i],
        ],
      })),
    },
  ],
}

const results: Results = {
  format: 1,
  startedAt: '2026-01-02T03:04:05.000Z',
  seconds: 600,
  edition: 'short',
  seed: 1,
  versions: { Prometheus: '3.5.0' },
  machine: { cores: 2, memoryBytes: 25769803776 },
  experiments: [
    experiment,
    {
      ...experiment,
      name: 'broken',
      title: 'Broken',
      figures: [],
      plots: [],
      verdicts: [],
      notMeasured: [],
      failed: 'Error: no luck\n  at x',
    },
  ],
}

const folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-report-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the results of a run', () => {
  test('come back from their file as they were, gaps included', async () => {
    const { json } = await writeReport(results, join(folder, 'report'))
    expect(await readResults(json)).toEqual(results)
    expect(readdirSync(join(folder, 'report', 'plots')).sort()).toEqual(
      [1, 2, 3].map(i => `asynchrony-${i}.svg`),
    )
    await expect(readResults(join(folder, 'nothing.json'))).rejects.toThrow('give the path of a results.json')
  })

  test('as a table: verdicts with their signs, variants side by side, medians with their range, what failed and what is missing', () => {
    const text = renderTable(results, { color: false, width: 140 })
    expect(text).toMatch(/✓ It is\n.*1 %/)
    expect(text).toMatch(/✗ It is not/)
    expect(text).toMatch(/\? Who knows/)
    expect(text).toMatch(/error, %.*0\.5 \(0–1\).*3\.5 \(3–4\)/)
    expect(text).toContain('It ended without a result: Error: no luck')
    expect(text).toContain('Not measured: what nobody could')
    for (const line of renderTable(results, { color: false, width: 60 }).split('\n')) {
      expect(line.length).toBeLessThanOrEqual(64)
    }
  })

  test('compared with those of another run: what changed its verdict, and each figure with its ratio', () => {
    const [first, ...rest] = results.experiments
    const verdicts = first.verdicts.map(one => ({ ...one, holds: true }))
    const figures = first.figures.map(one => ({ ...one, values: one.values.map(value => value * 2) }))
    const text = renderComparison(results, {
      ...results,
      experiments: [{ ...first, verdicts, figures }, ...rest],
    })
    expect(text).toMatch(/It is not/)
    expect(text).not.toMatch(/\bIt is\b(?! not)/)
    expect(text).toMatch(/3\.5.*7/)
  })
})

const chromium = await partOrSkip('chromium')
describe.skipIf(chromium === null)('the report in a browser', () => {
  let browser: Browser
  let url: string
  beforeAll(async () => {
    browser = await startChromium(chromium!)
    const { html } = await writeReport(results, join(folder, 'page'))
    url = pathToFileURL(html).href
  })
  afterAll(() => browser?.close())

  const open = async (options: { width: number; colorScheme?: 'light' | 'dark' }) => {
    const page = await browser.newPage({ ...options, viewport: { width: options.width, height: 900 } })
    const asked: string[] = []
    page.on('request', request => asked.push(request.url()))
    await page.goto(url)
    return { page, asked }
  }

  test.each([400, 1400])('asks for nothing else, and is no wider than a window of %i pixels', async width => {
    const { page, asked } = await open({ width })
    expect(asked).toEqual([url])
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    await page.close()
  })

  test('has verdicts first, every plot, and no name of a line on another or cut off', async () => {
    const { page } = await open({ width: 1200 })
    expect(await page.locator('h2').first().textContent()).toBe('Verdicts')
    expect(await page.locator('#verdicts li').count()).toBe(4)
    expect(await page.locator('svg').count()).toBe(3)
    expect(await page.locator('h2 b').count()).toBe(0)
    const boxes = await page.locator('svg').evaluateAll(plots =>
      plots.map(plot => {
        const { right } = plot.getBoundingClientRect()
        const names = [...plot.querySelectorAll('.name')].map(name => name.getBoundingClientRect())
        return { right, names: names.map(box => ({ top: box.top, bottom: box.bottom, right: box.right })) }
      }),
    )
    for (const { right, names } of boxes) {
      expect(names).toHaveLength(4)
      for (const [i, name] of names.entries()) {
        expect(name.right).toBeLessThanOrEqual(right)
        for (const other of names.slice(i + 1)) {
          expect(Math.min(name.bottom, other.bottom) - Math.max(name.top, other.top)).toBeLessThan(4)
        }
      }
    }
    await page.close()
  })

  test.each(['light', 'dark'] as const)(
    'can be read in %s: every colour of text is apart from its ground',
    async colorScheme => {
      const { page } = await open({ width: 1200, colorScheme })
      const worst = await page.evaluate<number>(CONTRAST)
      expect(worst).toBeGreaterThanOrEqual(4.5)
      await page.close()
    },
  )
})

/** The least contrast of any text with what lies behind it; as text, because it runs in the page. */
const CONTRAST = `(() => {
        const channels = (colour) =>
          colour
            .match(/[\\d.]+/g)
            .slice(0, 3)
            .map(Number)
        const luminance = (colour) => {
          const [r, g, b] = channels(colour).map(channel => {
            const part = channel / 255
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
          })
          return 0.2126 * r + 0.7152 * g + 0.0722 * b
        }
        const groundOf = (element) => {
          for (let at = element; at; at = at.parentElement) {
            const { backgroundColor } = getComputedStyle(at)
            if (!/, 0\\)$|transparent/.test(backgroundColor)) return backgroundColor
          }
          return 'rgb(255,255,255)'
        }
        let least = Number.POSITIVE_INFINITY
        for (const element of document.querySelectorAll('p, b, small, td, th, li div, .sign, svg text')) {
          const style = getComputedStyle(element)
          const colour = element instanceof SVGElement ? style.fill : style.color
          const [a, b] = [luminance(colour), luminance(groundOf(element))].sort((x, y) => y - x)
          least = Math.min(least, (a + 0.05) / (b + 0.05))
        }
        return least
      })()`
