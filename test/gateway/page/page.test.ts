import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { GatewayConfig } from '../../../gateway/server/config.js'
import type { MirrorProgress, StoreProgress } from '../../../gateway/store/progress.js'
import { StoreUnavailable } from '../../../gateway/store/store.js'
import { startChromium } from '../../support/chromium.js'
import { type StartedGateway, startGateway } from '../../support/gateway.js'
import { LocalPushStore } from '../../support/local-push-store.js'
import { partOrSkip } from '../../support/or-skip.js'
import { requestOf } from '../state/text.js'

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
  return ['.label', '.label i', 'td .delete', '#head th button', '.bad-text', '#freshness'].map(selector => ratio(of(selector, 'color'), panel))
})()`

describe.skipIf(!chromium)('the page of a gateway', () => {
  let browser: Browser
  let page: Page
  let gateway: StartedGateway
  let now: number
  const pageErrors: string[] = []

  beforeAll(async () => {
    browser = await startChromium(chromium!)
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    page = await browser.newPage()
    now = 1_700_000_000_000
    pageErrors.length = 0
    page.on('pageerror', error => pageErrors.push(error.message))
    page.on('console', message => message.type() === 'error' && pageErrors.push(message.text()))
  })
  afterEach(async () => {
    await page.close()
    await gateway?.stop()
    expect(pageErrors).toEqual([])
  })

  const start = async (overrides: Partial<GatewayConfig> = {}, progress: StoreProgress = {}) => {
    const store = new LocalPushStore(() => now)
    gateway = await startGateway({ utf8Names: true, ...overrides }, store, progress)
  }
  /** Stops the gateway while no page asks it. */
  const stopUnseen = async () => {
    await page.goto('about:blank')
    await gateway.stop()
  }
  const put = async (path: string, body = 'x 1\n', headers: Record<string, string> = {}) => {
    const response = await fetch(`${gateway.url}/metrics/${path}`, { method: 'PUT', body, headers })
    return response.status
  }
  const rows = () => page.locator('#rows tr:not(:has(td.detail))')
  const open = (path = '/') => page.goto(`${gateway.url}${path}`)
  const held = async () => (await fetch(`${gateway.url}/metrics`)).text()

  test('lists the push groups with age, last failure, expiry and samples', async () => {
    await start()
    await put('job/backup/instance/db-1', 'x 1\ny 2\n', { 'X-Expires-After': '1h' })
    now += 60_000
    await put('job/backup/instance/db-2')
    now += 60_000
    expect(await put('job/backup/instance/db-2', 'x 1 1000\n')).toBe(400)
    await open()
    await expect.poll(() => rows().count()).toBe(2)
    const [first, second] = await rows().allInnerTexts()
    expect(first).toMatch(
      /job=backup\s*instance=db-1\s+2m( \ds)? ago\s+never\s+in (58m|57m \d+s)\s+2/,
    )
    expect(second).toMatch(/job=backup\s*instance=db-2\s+1m( \ds)? ago\s+\ds ago\s+never\s+1/)
    expect(await rows().nth(1).locator('.bad-text').count()).toBe(1)
    expect(await page.locator('#summary').innerText()).toMatch(/2\s+push groups\s+3\s+samples/)
  })

  test('shows the metrics of a push group, and keeps them open and the focus through a refresh', async () => {
    await start()
    await put(
      'job/a',
      '# HELP h Seconds.\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_sum 3\nh_count 2\n',
    )
    await open()
    await rows().first().locator('.toggle').click()
    const detail = page.locator('td.detail')
    await expect
      .poll(() => detail.innerText())
      .toContain('h_bucket{instance="", job="a", le="1"} 2')
    expect(await detail.innerText()).toMatch(/histogram Seconds\./)
    await put('job/a', 'z 5\n')
    await expect.poll(() => detail.innerText()).toContain('z{')
    expect(await page.evaluate('document.activeElement.getAttribute("aria-expanded")')).toBe('true')
    await rows().first().locator('.toggle').click()
    await expect.poll(() => detail.count()).toBe(0)
  })

  test('a push group that is closed during a refresh stays closed', async () => {
    await start()
    await put('job/a')
    let isHeld = false
    let statuses = 0
    let release: (() => void) | undefined
    await page.route('**/api/v1/group?*', async route => {
      if (isHeld)
        await new Promise<void>(resolve => {
          release = resolve
        })
      await route.continue()
    })
    page.on('request', request => {
      if (request.url().endsWith('/api/v1/status')) statuses++
    })
    await open()
    await rows().first().locator('.toggle').click()
    const detail = page.locator('td.detail')
    await expect.poll(() => detail.count()).toBe(1)
    isHeld = true
    await expect.poll(() => release !== undefined).toBe(true)
    await rows().first().locator('.toggle').click()
    await expect.poll(() => detail.count()).toBe(0)
    isHeld = false
    const before = statuses
    release!()
    // The next refresh begins when this one has ended.
    await expect.poll(() => statuses).toBeGreaterThan(before)
    expect(await detail.count()).toBe(0)
  })

  test('deletes a push group after a confirmation, whatever its labels are', async () => {
    await start()
    await put('job@base64/YS9i/empty@base64/=', 'x 1\n')
    await put('job/a/U__my_2e_label/%C3%A4/instance/', 'y 1\n')
    await put('job/keep', 'z 1\n')
    await open()
    await expect.poll(() => rows().count()).toBeGreaterThanOrEqual(2)
    for (;;) {
      const others = rows().filter({ hasNotText: 'job=keep' })
      const before = await others.count()
      if (before === 0) break
      await others.first().locator('.delete').click()
      await page.getByRole('button', { name: 'Cancel' }).click()
      expect(await others.count()).toBe(before)
      await others.first().locator('.delete').click()
      await page.getByRole('button', { name: 'Delete', exact: true }).last().click()
      await expect.poll(() => others.count()).toBe(before - 1)
    }
    expect((await held()).match(/^[xyz]\{.*$/gm)).toEqual(['z{instance="",job="keep"} 1'])
  })

  test('deletes everything only where the admin API is enabled', async () => {
    await start({ enableAdminApi: false })
    await put('job/a')
    await open()
    await expect.poll(() => rows().count()).toBe(1)
    expect(await page.locator('#wipe').isVisible()).toBe(false)
    await stopUnseen()
    await start()
    await put('job/a')
    await open()
    await page.locator('#wipe').click()
    await page.locator('#confirmed').click()
    // The text of what is hidden can be read too.
    await expect.poll(() => page.locator('#empty').isVisible()).toBe(true)
    expect(await page.locator('#empty').innerText()).toContain('curl --data-binary')
    expect(await held()).toBe('')
  })

  test('with ten thousand push groups it shows a page of them, found by search and order', async () => {
    await start()
    for (let i = 0; i < 10_000; i++)
      await gateway.store.submit(
        requestOf({ group: { job: 'fleet', instance: `host-${i}` }, body: `x ${i}\n` }),
      )
    await open()
    await expect.poll(() => rows().count()).toBe(50)
    expect(await page.locator('#summary').innerText()).toContain('10,000')
    await page.locator('#next').click()
    await expect.poll(() => page.locator('#page').innerText()).toBe('51–100 of 10,000')
    await page.keyboard.press('/')
    await page.keyboard.type('host-1234')
    await expect.poll(() => rows().count()).toBe(1)
    const shared = page.url()
    await page.goto('about:blank')
    await page.goto(shared)
    await expect.poll(() => page.locator('#matches').innerText()).toBe('1 matching')
  })

  test('works under a route prefix and at /status', async () => {
    await start({ routePrefix: '/push', paths: { metrics: '/m', telemetry: '/t', ingest: '/i' } })
    await put('job/a')
    await open('/push/status')
    await expect.poll(() => rows().count()).toBe(1)
    expect(await page.evaluate('document.querySelector("#metrics").href')).toBe(
      `${gateway.url}/push/m`,
    )
    await rows().first().locator('.delete').click()
    await page.locator('#confirmed').click()
    await expect.poll(() => rows().count()).toBe(0)
  })

  test('shows the state of the log, the newest snapshot and whether this gateway publishes', async () => {
    const log = {
      topic: 'metrics.pushes',
      time: now,
      appliedOffset: 1234,
      lagRecords: 0,
      lagSeconds: 0,
      snapshot: { offset: 1200, time: now - 600_000, bytes: 2048 },
    }
    await start({ store: 'kafka' }, { log, publishing: { isOwner: true, targets: 3 } })
    await open()
    const summary = page.locator('#summary')
    await expect
      .poll(() => summary.innerText())
      .toMatch(
        /1,234\s+log offset\s+0\s+records behind\s+10m ago\s+last snapshot, 2 KiB\s+3\s+targets published here/,
      )
    expect(await summary.locator('.bad').count()).toBe(0)
    await stopUnseen()
    const behind = { ...log, lagRecords: 7, lagSeconds: 61, snapshot: undefined }
    await start({}, { log: behind, publishing: { isOwner: false, targets: 0 } })
    await open()
    await expect
      .poll(() => summary.innerText())
      .toMatch(/7\s+records behind, for 1m 1s\s+none\s+last snapshot\s+standby\s+publishing/)
    expect(await summary.locator('.bad').innerText()).toMatch(/^7/)
  })

  const mirrorOf = (instance: string, mirror: Partial<MirrorProgress> = {}): MirrorProgress => ({
    labels: [
      { name: 'instance', value: instance },
      { name: 'job', value: 'shop' },
    ],
    series: 12,
    hasUp: true,
    intervalMs: 15_000,
    lastSnapshot: now,
    behindSeconds: 3,
    outOfOrder: 0,
    warnings: [],
    ...mirror,
  })
  const mirroring = (list: readonly MirrorProgress[]): StoreProgress => ({
    mirrors: { partitions: 4, targets: list.length, lagSeconds: 0, list: () => list },
  })
  const cells = (row: number) => rows().nth(row).locator('td').allInnerTexts()

  test('lists mirrored targets, those with a problem first, by search and order', async () => {
    const list = Array.from({ length: 120 }, (_, i) => mirrorOf(`host-${i}`, { series: i }))
    list[70] = mirrorOf('behind', {
      behindSeconds: 600,
      warnings: ['10m behind: its sender stopped'],
    })
    list[80] = mirrorOf('mixed', { outOfOrder: 7, warnings: ['two', 'senders'] })
    list[90] = mirrorOf('rules', { hasUp: false, lastSnapshot: undefined, behindSeconds: 0 })
    await start({}, mirroring(list))
    await put('job/a')
    await open()
    await expect.poll(() => rows().count()).toBe(1)
    await page.getByRole('button', { name: 'Mirrored targets' }).click()
    await expect.poll(() => rows().count()).toBe(50)
    const faultless = ['none', '3s ago', '15s']
    expect((await cells(0)).slice(1)).toEqual(['two.\n\nsenders.', '3s ago', '15s', '12', '7'])
    expect((await cells(1)).slice(1)).toEqual([
      '10m behind: its sender stopped.',
      '10m ago',
      '15s',
      '12',
      '0',
    ])
    expect((await cells(2)).slice(1, 4)).toEqual(faultless)
    expect(await page.locator('#page').innerText()).toBe('1–50 of 120')
    expect(await page.locator('#wipe').isVisible()).toBe(false)

    await page.getByRole('button', { name: 'Series', exact: true }).click()
    await expect.poll(async () => (await cells(0))[4]).toBe('0')
    await page.getByRole('button', { name: 'Series ▴' }).click()
    await expect.poll(async () => (await cells(0))[4]).toBe('119')

    await page.keyboard.press('/')
    await page.keyboard.type('instance=rules')
    await expect.poll(() => rows().count()).toBe(1)
    expect((await cells(0)).slice(1)).toEqual(['none', 'none yet', '15s, without up', '12', '0'])
    const shared = page.url()
    await page.goto('about:blank')
    await page.goto(shared)
    await expect.poll(() => page.locator('#matches').innerText()).toBe('1 matching')
    expect(
      await page.getByRole('button', { name: 'Mirrored targets' }).getAttribute('aria-pressed'),
    ).toBe('true')
  })

  test('says why a list of mirrored targets is empty, and has none without mirrors', async () => {
    await start({}, { mirrors: { partitions: 0, targets: 0, lagSeconds: 0, list: () => [] } })
    await open('/#list=mirrors')
    await expect
      .poll(() => page.locator('#empty').innerText())
      .toContain('This gateway mirrors no partition')
    await stopUnseen()
    await start()
    await open()
    await expect.poll(() => page.locator('#empty').isVisible()).toBe(true)
    expect(await page.locator('#lists').isVisible()).toBe(false)
  })

  test('a long line of an open push group does not push the buttons out of the window', async () => {
    await start()
    await put('job/a', `${'x'.repeat(900)}{l="${'y'.repeat(3000)}"} 1\n`)
    await open()
    await rows().first().locator('.toggle').click()
    await expect.poll(() => page.locator('td.detail pre').count()).toBe(1)
    const { x, width } = (await rows().first().locator('.delete').boundingBox())!
    expect(x + width).toBeLessThanOrEqual(page.viewportSize()!.width)
  })

  test('shows a part of a push group with very many metrics, and how many are left', async () => {
    await start()
    await put('job/a', Array.from({ length: 2_100 }, (_, i) => `m${i} ${i}\n`).join(''))
    await open()
    await rows().first().locator('.toggle').click()
    const detail = page.locator('td.detail')
    await expect.poll(() => detail.innerText()).toContain('… and 100 more metrics')
    expect(await detail.locator('pre').count()).toBe(2000)
  })

  test('a gateway that is not ready says why, with what it knows of its store', async () => {
    await start()
    gateway.store.outage = new StoreUnavailable('this gateway is reading the log', false)
    await open()
    await expect
      .poll(() => page.locator('#notice').innerText())
      .toBe('This gateway is not ready: this gateway is reading the log')
    expect(await page.locator('#summary .bad').innerText()).toMatch(/not available/)
  })

  test('tells why the store is not available, and keeps the push groups', async () => {
    await start()
    await put('job/a')
    await open()
    await expect.poll(() => rows().count()).toBe(1)
    gateway.store.outage = new StoreUnavailable('the brokers do not answer', false)
    await expect
      .poll(() => page.locator('#notice').innerText())
      .toContain('the brokers do not answer')
    expect(await rows().count()).toBe(1)
    gateway.store.outage = undefined
    await expect.poll(() => page.locator('#notice').isVisible()).toBe(false)
    // The browser logs the failed request as an error.
    pageErrors.length = 0
  })

  test.each(['light', 'dark'] as const)(
    'texts have sufficient contrast in %s',
    async colorScheme => {
      await page.emulateMedia({ colorScheme })
      await start()
      await put('job/a')
      now += 1000
      await put('job/a', 'x 1 5\n')
      await open()
      await expect.poll(() => rows().count()).toBe(1)
      const ratios = await page.evaluate<number[]>(CONTRAST_RATIOS)
      for (const ratio of ratios) expect(ratio).toBeGreaterThanOrEqual(4.5)
    },
  )
})
