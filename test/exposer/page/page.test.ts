import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startChromium } from '../../support/chromium.js'
import { partOrSkip } from '../../support/or-skip.js'
import { receiver, receiversInEachState } from '../../support/receivers.js'
import { HandFed, manySeries, PARTITIONS } from '../hand-fed.js'

const chromium = await partOrSkip('chromium')

/** Script for the page: contrast ratios between some texts and the panel, by WCAG. */
const CONTRAST_RATIOS = `(() => {
  const luminance = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).map(n => Number(n) / 255)
    const linear = c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
  }
  const of = (selector, property) => luminance(getComputedStyle(document.querySelector(selector))[property])
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
  const panel = of('header', 'backgroundColor')
  return ['#rows td.target', '#rows td.state', '#head th button', '#freshness', '#receivers th', '#receivers .ok', '#receivers .behind', '#receivers .refusing', '#receivers .lost', '#receivers .reason'].map(selector => ratio(of(selector, 'color'), panel))
})()`

describe.skipIf(!chromium)('the page', () => {
  let browser: Browser
  let page: Page
  let shard: HandFed
  const pageErrors: string[] = []

  beforeAll(async () => {
    browser = await startChromium(chromium!)
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    shard = await HandFed.start({
      limits: {
        samples: 100,
        labels: 64,
        nameBytes: 1024,
        valueBytes: 4096,
        bytes: 1 << 20,
        parts: 8,
      },
    })
    shard.assign(Array.from({ length: PARTITIONS }, (_, p) => p))
    page = await browser.newPage()
    pageErrors.length = 0
    page.on('pageerror', error => pageErrors.push(error.message))
    page.on('console', message => message.type() === 'error' && pageErrors.push(message.text()))
  })
  afterEach(async () => {
    await page.close()
    await shard.stop()
    expect(pageErrors).toEqual([])
  })

  const rows = () => page.locator('#rows tr:not(.spacer)')
  const open = (fragment = '') => page.goto(`${shard.url}/${fragment}`)
  const cellTexts = async (column: number) =>
    (await rows().locator(`td:nth-child(${column})`).allTextContents()).map(text => text.trim())

  test('lists each target, those that are down first, with the reason', async () => {
    await shard.append({ labels: { job: 'shop', instance: 'a:1' } })
    await shard.append({
      labels: { job: 'shop', instance: 'b:1' },
      layout: manySeries(101),
      values: new Float64Array(101),
    })
    await shard.append({
      labels: { job: 'shop', instance: 'c:1' },
      failure: 'no answer within 2 s',
    })
    await open()
    await expect.poll(() => rows().count()).toBe(3)
    expect(await cellTexts(1)).toEqual(['failed', 'over limit', 'up'])
    expect(await rows().nth(0).textContent()).toContain('no answer within 2 s')
    expect(await rows().nth(1).textContent()).toContain('over the limit of 100')
    expect(await page.locator('#summary').textContent()).toContain('3targets')
  })

  test('a shard is told from another one at 1280 pixels: its port is not cut off', async () => {
    await page.setViewportSize({ width: 1280, height: 720 })
    await shard.append({ labels: { job: 'shop', instance: 'a:1' } })
    await open()
    await expect.poll(() => rows().count()).toBe(1)
    const cell = rows().locator('.shard-cell')
    expect(await cell.textContent()).toMatch(/:\d+$/)
    expect(await cell.evaluate(td => td.scrollWidth - td.clientWidth)).toBe(0)
  })

  test('says of a target that is up that several runs publish with its labels', async () => {
    const labels = { job: 'shop', instance: 'a:1' }
    await shard.append({ labels, incarnation: 1002 })
    for (const sequence of [0, 1]) await shard.append({ labels, incarnation: 1001, sequence })
    await open()
    await expect.poll(() => cellTexts(1)).toEqual(['up'])
    expect(await rows().nth(0).textContent()).toContain('2 runs publish with these labels')
  })

  test('without targets it names the command that lists the records', async () => {
    await open()
    await expect.poll(() => page.locator('#empty').textContent()).toContain('kafka-exposer tail')
  })

  test('when the shard stops responding it reports the failure and keeps the targets', async () => {
    await shard.append({ labels: { job: 'shop', instance: 'a:1' } })
    await open()
    await expect.poll(() => rows().count()).toBe(1)
    await page.route('**/api/**', route => route.abort())
    await expect.poll(() => page.locator('#notice').textContent()).toContain('Refresh failed')
    expect(await rows().count()).toBe(1)
    // The browser logs the aborted request as an error.
    pageErrors.length = 0
  })

  test('sort order and filter are kept in the URL', async () => {
    for (const instance of ['host-2', 'host-10', 'host-1'])
      await shard.append({ labels: { job: 'shop', instance } })
    await shard.append({ labels: { job: 'pay', instance: 'host-3' } })
    await open()
    await expect.poll(() => rows().count()).toBe(4)
    await page.locator('#head th:nth-child(2) button').click()
    const once = await cellTexts(2)
    await page.locator('#head th:nth-child(2) button').click()
    expect(await cellTexts(2)).toEqual(once.reverse())
    await page.keyboard.press('/')
    await page.keyboard.type('job=shop')
    await expect.poll(() => rows().count()).toBe(3)
    const shared = page.url()
    await page.goto('about:blank')
    await page.goto(shared)
    await expect.poll(() => rows().count()).toBe(3)
  })

  test('the table can be sorted with the keyboard', async () => {
    await shard.append({ labels: { job: 'shop', instance: 'a' } })
    await open()
    await expect.poll(() => rows().count()).toBe(1)
    const state = page.getByRole('columnheader', { name: 'State' })
    const before = await state.getAttribute('aria-sort')
    await state.getByRole('button').focus()
    await page.keyboard.press('Enter')
    expect(await state.getAttribute('aria-sort')).not.toBe(before)
  })

  test('the propagation delay history of a target grows with each snapshot', async () => {
    const labels = { job: 'shop', instance: 'a' }
    await shard.append({ labels, sequence: 0 })
    await open()
    await expect.poll(() => rows().count()).toBe(1)
    expect(await page.locator('.sparkline polyline').count()).toBe(0)
    await shard.append({ labels, sequence: 1 })
    await expect.poll(() => page.locator('.sparkline polyline').count()).toBe(1)
    const points = (await page.locator('.sparkline polyline').getAttribute('points'))!.split(' ')
    expect(points).toHaveLength(2)
  })

  test('with ten thousand targets only the visible rows are rendered, down to the last target', async () => {
    for (let i = 0; i < 10_000; i++)
      await shard.append({ labels: { job: 'fleet', instance: `host-${i}` } })
    await open('#sort=target&desc=0')
    await expect.poll(() => rows().count()).toBeGreaterThan(5)
    expect(await rows().count()).toBeLessThan(200)
    expect(await page.locator('#summary').textContent()).toContain('10,000')
    await page.locator('#scroller').evaluate(element => element.scrollTo(0, element.scrollHeight))
    await expect.poll(async () => (await cellTexts(2)).at(-1)).toContain('host-9999')
    await page.locator('#filter').fill('host-1234')
    await expect.poll(() => rows().count()).toBe(1)
  })

  describe('receivers of remote write', () => {
    const section = () => page.locator('#receivers')
    const receivers = () => section().locator('tbody tr')

    test('are not mentioned without any', async () => {
      await shard.append({ labels: { job: 'shop', instance: 'a' } })
      await open()
      await expect.poll(() => rows().count()).toBe(1)
      expect(await section().isVisible()).toBe(false)
    })

    test('have their state, what was stored and lost, and the last error', async () => {
      shard.remotes = receiversInEachState()
      await open()
      await expect.poll(() => receivers().count()).toBe(4)
      expect(await section().isVisible()).toBe(true)
      const texts = (await receivers().allTextContents()).map(text => text.replace(/\s+/g, ' '))
      expect(texts[0]).toMatch(/^okprometheus http:\/\/prometheus:9090\/api\/v1\/write2\.00\.00 s/)
      expect(texts[0]).toContain('1,204,33112 refused, 3 retention1,800')
      expect(texts[1]).toMatch(/^behindmimir .*6 m 52 s/)
      expect(texts[2]).toMatch(/^retryingvictoria .*1\.0.*15 m \d s.*503: try again$/)
      expect(texts[3]).toMatch(
        /^refusingwrong-password .*never.*20,412 refused.*401: Unauthorized$/,
      )
    })

    test('have room for everything but long URLs at 1280 pixels', async () => {
      await page.setViewportSize({ width: 1280, height: 720 })
      shard.remotes = receiversInEachState()
      await open()
      await expect.poll(() => receivers().count()).toBe(4)
      const widths = await receivers()
        .locator('td:not(.target)')
        .evaluateAll(cells => cells.map(cell => cell.scrollWidth - cell.clientWidth))
      expect(widths).toEqual(widths.map(() => 0))
      expect(widths).toHaveLength(36)
      expect(await section().evaluate(box => box.scrollWidth - box.clientWidth)).toBe(0)
    })

    test('are shown while the list of targets is incomplete, which is reported', async () => {
      shard.remotes = [receiver('prometheus')]
      await page.route('**/api/v1/targets*', route => route.abort())
      await open()
      await expect.poll(() => receivers().count()).toBe(1)
      await expect.poll(() => page.locator('#notice').textContent()).toContain('Refresh failed')
      pageErrors.length = 0
    })
  })

  test.each(['light', 'dark'] as const)(
    'texts have sufficient contrast in the %s colour scheme',
    async colorScheme => {
      await page.emulateMedia({ colorScheme })
      shard.remotes = receiversInEachState()
      await shard.append({ labels: { job: 'shop', instance: 'a' } })
      await open()
      await expect.poll(() => rows().count()).toBe(1)
      await expect.poll(() => page.locator('#receivers tbody tr').count()).toBe(4)
      const ratios = await page.evaluate<number[]>(CONTRAST_RATIOS)
      // WCAG AA.
      for (const ratio of ratios) expect(ratio).toBeGreaterThanOrEqual(4.5)
    },
  )
})
