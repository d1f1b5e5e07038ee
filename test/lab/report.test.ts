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

/**
 * Difficult results: four lines with the same last point, a gap, a failure, names that need
 * escaping.
 */
const experiment: ExperimentResult = {
  name: 'asynchrony',
  title: 'Asynchrony <b>& so on</b>',
  question: 'Is it "so"?',
  parameters: { seconds: 30, delays: ['uniform', 'heavy'] },
  seconds: 95,
  notMeasured: ['the temperature'],
  verdicts: [
    { claim: 'True', holds: true, because: '1 %' },
    { claim: 'False', holds: false, because: '2 %' },
    { claim: 'Undecided', holds: null, because: 'no value' },
  ],
  figures: VARIANTS.flatMap((variant, i) => [
    { name: 'error', variant, setting: '0–8 s', unit: '%', values: [i, i + 0.5, i + 1] },
    {
      name: 'latency',
      variant,
      setting: '',
      unit: 's',
      values: i === 2 ? [] : [i],
      ...(i === 2 ? { note: 'not within 10 s' } : {}),
    },
  ]),
  plots: [
    {
      kind: 'time',
      title: 'Time series',
      caption: 'All lines have the same last point.',
      x: 'seconds',
      y: 'MB',
      lines: VARIANTS.map((variant, i) => ({
        variant,
        label: '',
        points: Array.from(
          { length: 30 },
          (_, x) => [x, x === 10 ? Number.NaN : 5 + i / 100] as const,
        ),
      })),
      marks: [{ from: 5, to: 12, label: 'outage' }],
    },
    {
      kind: 'distribution',
      title: 'Cumulative distribution',
      caption: 'Lines further left are better.',
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
      title: 'Scaling',
      caption: 'Both axes are logarithmic.',
      x: 'series',
      y: 's',
      lines: VARIANTS.map((variant, i) => ({
        variant,
        // The longest label that occurs.
        label: variant === 'kafka-exposer' ? 'massive target' : '',
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
      failed: 'Error: broken\n  at x',
    },
  ],
}

const folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-report-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the results of a run', () => {
  test('are read from their file as they were written, gaps included', async () => {
    const { json } = await writeReport(results, join(folder, 'report'))
    expect(await readResults(json)).toEqual(results)
    expect(readdirSync(join(folder, 'report', 'plots')).sort()).toEqual(
      [1, 2, 3].map(i => `asynchrony-${i}.svg`),
    )
    await expect(readResults(join(folder, 'nothing.json'))).rejects.toThrow(
      'pass the path of a results.json',
    )
  })

  test('as a table: verdicts, one column per variant, medians with ranges, failures and unmeasured quantities', () => {
    const text = renderTable(results, { color: false, width: 140 })
    expect(text).toMatch(/✓ True\n.*1 %/)
    expect(text).toMatch(/✗ False/)
    expect(text).toMatch(/\? Undecided/)
    expect(text).toMatch(/error, %.*0\.5 \(0–1\).*3\.5 \(3–4\)/)
    expect(text).toContain('The experiment failed: Error: broken')
    expect(text).toContain('Not measured: the temperature')
    for (const line of renderTable(results, { color: false, width: 60 }).split('\n')) {
      expect(line.length).toBeLessThanOrEqual(64)
    }
  })

  test('compared with another run: the changed verdicts, and each figure with its ratio', () => {
    const [first, ...rest] = results.experiments
    const verdicts = first.verdicts.map(verdict => ({ ...verdict, holds: true }))
    const figures = first.figures.map(figure => ({
      ...figure,
      values: figure.values.map(value => value * 2),
    }))
    const text = renderComparison(results, {
      ...results,
      experiments: [{ ...first, verdicts, figures }, ...rest],
    })
    expect(text).toContain('asynchrony: False')
    expect(text).not.toContain('asynchrony: True')
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
    const page = await browser.newPage({
      ...options,
      viewport: { width: options.width, height: 900 },
    })
    const requests: string[] = []
    page.on('request', request => requests.push(request.url()))
    await page.goto(url)
    return { page, requests }
  }

  test.each([400, 1400])(
    'makes no further request and does not scroll sideways at a width of %i pixels',
    async width => {
      const { page, requests } = await open({ width })
      expect(requests).toEqual([url])
      expect(
        await page.evaluate<number>('document.documentElement.scrollWidth'),
      ).toBeLessThanOrEqual(width)
      await page.close()
    },
  )

  test('shows the verdicts first, every plot, and line labels that neither overlap nor are cut off', async () => {
    const { page } = await open({ width: 1200 })
    expect(await page.locator('h2').first().textContent()).toBe('Verdicts')
    expect(await page.locator('#verdicts li').count()).toBe(4)
    expect(await page.locator('svg').count()).toBe(3)
    expect(await page.locator('h2 b').count()).toBe(0)
    const boxes = await page.locator('svg').evaluateAll(plots =>
      plots.map(plot => {
        const { right } = plot.getBoundingClientRect()
        const names = [...plot.querySelectorAll('.name')].map(name => name.getBoundingClientRect())
        return {
          right,
          names: names.map(box => ({ top: box.top, bottom: box.bottom, right: box.right })),
        }
      }),
    )
    for (const { right, names } of boxes) {
      expect(names).toHaveLength(VARIANTS.length)
      for (const [i, name] of names.entries()) {
        expect(name.right).toBeLessThanOrEqual(right)
        for (const other of names.slice(i + 1)) {
          expect(Math.min(name.bottom, other.bottom) - Math.max(name.top, other.top)).toBeLessThan(
            4,
          )
        }
      }
    }
    await page.close()
  })

  test.each(['light', 'dark'] as const)(
    'has sufficient contrast of all texts in the %s colour scheme',
    async colorScheme => {
      const { page } = await open({ width: 1200, colorScheme })
      const lowest = await page.evaluate<number>(LOWEST_CONTRAST)
      // WCAG AA.
      expect(lowest).toBeGreaterThanOrEqual(4.5)
      await page.close()
    },
  )
})

/** Script for the page: the lowest contrast ratio between a text and its background, by WCAG. */
const LOWEST_CONTRAST = `(() => {
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
        const backgroundOf = (element) => {
          for (let at = element; at; at = at.parentElement) {
            const { backgroundColor } = getComputedStyle(at)
            if (!/, 0\\)$|transparent/.test(backgroundColor)) return backgroundColor
          }
          return 'rgb(255,255,255)'
        }
        let lowest = Number.POSITIVE_INFINITY
        for (const element of document.querySelectorAll('p, b, small, td, th, li div, .sign, svg text')) {
          const style = getComputedStyle(element)
          const colour = element instanceof SVGElement ? style.fill : style.color
          const [a, b] = [luminance(colour), luminance(backgroundOf(element))].sort((x, y) => y - x)
          lowest = Math.min(lowest, (a + 0.05) / (b + 0.05))
        }
        return lowest
      })()`
