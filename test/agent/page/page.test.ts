import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Agent } from '../../../agent/server/agent.js'
import { oneStep } from '../../../shared/base/steps.js'
import { Peer } from '../../shared/http/client/peer.js'
import { RecordingSink, startAgent } from '../../support/agent.js'
import { parseAgentFile } from '../../support/agent-file.js'
import { startChromium } from '../../support/chromium.js'
import { partOrSkip } from '../../support/or-skip.js'

const chromium = await partOrSkip('chromium')

describe.skipIf(!chromium)('the page of an agent', () => {
  let browser: Browser
  let page: Page
  let target: Peer
  let agent: Agent
  const pageErrors: string[] = []

  beforeAll(async () => {
    browser = await startChromium(chromium!)
    target = await Peer.start((request, response) =>
      request.url === '/bad'
        ? response.writeHead(500).end()
        : response.writeHead(200, { 'content-type': 'text/plain' }).end('a 1\nb 2\n'),
    )
    const job = (name: string, metrics_path: string) => ({
      job_name: name,
      metrics_path,
      scrape_interval: '1s',
      static_configs: [{ targets: [`127.0.0.1:${target.port}`] }],
    })
    const text = JSON.stringify({
      scrape_configs: [job('shop', '/metrics'), job('broken', '/bad')],
    })
    const { jobs } = parseAgentFile(text, '.', {})
    const plan = { jobs, externalLabels: {}, sidecars: new Set(['shop', 'broken']) }
    agent = await startAgent(
      { loadPlan: () => oneStep(() => ({ plan, warnings: [] })) },
      new RecordingSink(),
    )
  })
  afterAll(async () => {
    await browser?.close()
    await agent?.stop()
    await target?.stop()
  })
  beforeEach(async () => {
    page = await browser.newPage()
    pageErrors.length = 0
    page.on('pageerror', error => pageErrors.push(error.message))
    page.on('console', message => message.type() === 'error' && pageErrors.push(message.text()))
  })
  afterEach(async () => {
    await page.close()
    expect(pageErrors).toEqual([])
  })
  const rows = () => page.locator('#rows tr')

  test('shows targets with their last errors, those that are down first', async () => {
    await page.goto(`${agent.url}/`)
    await expect.poll(() => rows().count()).toBe(2)
    await expect
      .poll(() => rows().first().innerText())
      .toContain('server returned HTTP status 500 Internal Server Error')
    expect(await rows().first().innerText()).toContain('job=broken')
    // The first scrapes of both targets need not end at once.
    await expect.poll(() => rows().last().innerText()).toMatch(/job=shop.*up.*2/s)
    // Columns are wide enough for their words.
    const { height } = (await rows().first().boundingBox())!
    expect(height).toBeLessThan(70)
    await expect.poll(() => page.locator('#summary').innerText()).toMatch(/2\s*targets\s*1\s*down/)
  })

  test('finds targets by their labels, state and error', async () => {
    await page.goto(`${agent.url}/targets#search=job%3Dshop`)
    await expect.poll(() => rows().count()).toBe(1)
    await page.fill('#search', 'down status 500')
    await expect.poll(() => rows().allInnerTexts()).toEqual([expect.stringContaining('job=broken')])
    await page.fill('#search', 'nothing')
    await expect.poll(() => page.locator('#empty').isVisible()).toBe(true)
    expect(await page.locator('#empty').innerText()).toBe('No target matches the search.')
  })
})
