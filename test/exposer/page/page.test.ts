import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startChromium } from '../../support/chromium.js'
import { partOrSkip } from '../../support/or-skip.js'
import { HandFed, manySeries, PARTITIONS } from '../hand-fed.js'

const path = await partOrSkip('chromium')

/** Run in the page: how much some texts stand out from the panel, as WCAG reckons it. */
const CONTRAST = `(() => {
  const luminance = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).map(n => Number(n) / 255)
    const linear = c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
  }
  const of = (selector, property) => luminance(getComputedStyle(document.querySelector(selector))[property])
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
  const panel = of('header', 'backgroundColor')
  return ['#rows td.target', '#rows td.state', '#head th button', '#freshness'].map(selector => ratio(of(selector, 'color'), panel))
})()`

describe.skipIf(!path)('the page', () => {
  let browser: Browser
  let page: Page
  let shard: HandFed
  const mistakes: string[] = []

  beforeAll(async () => {
    browser = await startChromium(path!)
  }, 60_000)
  afterAll(() => browser?.close())
  beforeEach(async () => {
    shard = await HandFed.start({
      limits: { samples: 100, labels: 64, nameBytes: 1024, valueBytes: 4096, bytes: 1 << 20, parts: 8 },
    })
    shard.assign(Array.from({ length: PARTITIONS }, (_, p) => p))
    page = await browser.newPage()
    mistakes.length = 0
    page.on('pageerror', error => mistakes.push(error.message))
    page.on('console', message => message.type() === 'error' && mistakes.push(message.text()))
  })
  afterEach(async () => {
    await page.close()
    await shard.stop()
    expect(mistakes).toEqual([])
  })

  const rows = () => page.locator('#rows tr:not(.spacer)')
  const open = (more = '') => page.goto(`${shard.url}/${more}`)
  const texts = async (column: number) =>
    (await rows().locator(`td:nth-child(${column})`).allTextContents()).map(text => text.trim())

  test('shows each target, the worst first, and why it is down', async () => {
    await shard.append({ labels: { job: 'shop', instance: 'a:1' } })
    await shard.append({
      labels: { job: 'shop', instance: 'b:1' },
      layout: manySeries(101),
      values: new Float64Array(101),
    })
    await open()
    await expect.poll(() => rows().count()).toBe(2)
    expect(await texts(1)).toEqual(['over limit', 'up'])
    expect(await rows().nth(0).textContent()).toContain('over the limit of 100')
    expect(await page.locator('#summary').textContent()).toContain('2targets')
  })

  test('says when there is nothing, and what to do', async () => {
    await open()
    await expect.poll(() => page.locator('#empty').textContent()).toContain('kafka-exposer tail')
  })

  test('says when the shard does not answer any more, and keeps what it has', async () => {
    await shard.append({ labels: { job: 'shop', instance: 'a:1' } })
    await open()
    await expect.poll(() => rows().count()).toBe(1)
    await page.route('**/api/**', route => route.abort())
    await expect
      .poll(() => page.locator('#notice').textContent(), { timeout: 15_000 })
      .toContain('Not refreshed')
    expect(await rows().count()).toBe(1)
    // The browser itself reports the failed request.
    mistakes.length = 0
  })

  test('sorts by a click on a title, filters by what is typed, and both are in the address', async () => {
    for (const instance of ['host-2', 'host-10', 'host-1'])
      await shard.append({ labels: { job: 'shop', instance } })
    await shard.append({ labels: { job: 'pay', instance: 'host-3' } })
    await open()
    await expect.poll(() => rows().count()).toBe(4)
    await page.locator('#head th:nth-child(2) button').click()
    const once = await texts(2)
    await page.locator('#head th:nth-child(2) button').click()
    expect(await texts(2)).toEqual(once.reverse())
    await page.keyboard.press('/')
    await page.keyboard.type('job=shop')
    expect(await rows().count()).toBe(3)
    const shared = page.url()
    await page.goto('about:blank')
    await page.goto(shared)
    await expect.poll(() => rows().count()).toBe(3)
  })

  test('can be used by the keyboard alone', async () => {
    await shard.append({ labels: { job: 'shop', instance: 'a' } })
    await open()
    await expect.poll(() => rows().count()).toBe(1)
    const state = page.getByRole('columnheader', { name: 'State' })
    const before = await state.getAttribute('aria-sort')
    await state.getByRole('button').focus()
    await page.keyboard.press('Enter')
    expect(await state.getAttribute('aria-sort')).not.toBe(before)
  })

  test('draws a line of the delays of each target as its snapshots come', async () => {
    const labels = { job: 'shop', instance: 'a' }
    await shard.append({ labels, sequence: 0 })
    await open()
    await expect.poll(() => rows().count()).toBe(1)
    expect(await page.locator('.sparkline polyline').count()).toBe(0)
    await shard.append({ labels, sequence: 1 })
    await expect.poll(() => page.locator('.sparkline polyline').count(), { timeout: 15_000 }).toBe(1)
    const points = (await page.locator('.sparkline polyline').getAttribute('points'))!.split(' ')
    expect(points).toHaveLength(2)
  })

  test('has only the rows in sight of ten thousand targets, to the last of them', async () => {
    for (let i = 0; i < 10_000; i++) await shard.append({ labels: { job: 'fleet', instance: `host-${i}` } })
    await open('#sort=target&desc=0')
    await expect.poll(() => rows().count(), { timeout: 20_000 }).toBeGreaterThan(5)
    expect(await rows().count()).toBeLessThan(200)
    expect(await page.locator('#summary').textContent()).toContain('10,000')
    await page.locator('#scroller').evaluate(element => element.scrollTo(0, element.scrollHeight))
    await expect.poll(async () => (await texts(2)).at(-1)).toContain('host-9999')
    // Slow typing is what people notice: filtering all of them is done within a frame or so of ours.
    await page.locator('#filter').fill('host-1234')
    expect(await rows().count()).toBe(1)
  }, 60_000)

  test.each(['light', 'dark'] as const)(
    'is readable in %s: text stands out from what is behind it',
    async colorScheme => {
      await page.emulateMedia({ colorScheme })
      await shard.append({ labels: { job: 'shop', instance: 'a' } })
      await open()
      await expect.poll(() => rows().count()).toBe(1)
      const contrast = await page.evaluate<number[]>(CONTRAST)
      // WCAG AA.
      for (const ratio of contrast) expect(ratio).toBeGreaterThanOrEqual(4.5)
    },
  )
})
