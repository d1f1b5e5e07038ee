import { type Browser, chromium } from 'playwright-core'
import { which } from '../../dev/local/run-command.js'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The Chromium of this machine: CHROMIUM_BIN, or what the PATH has; null when there is none. In CI there has to be one. */
export function findChromium(): string | null {
  const found = process.env.CHROMIUM_BIN ?? NAMES.map(which).find(path => path !== null) ?? null
  if (found) return found
  const advice = 'install chromium, or set CHROMIUM_BIN'
  if (process.env.CI) throw new Error(`There is no Chromium: ${advice}.`)
  console.error(`\n*** Tests of the page are SKIPPED. There is no Chromium: ${advice}. ***\n`)
  return null
}

export function startChromium(path: string): Promise<Browser> {
  // Root, as in containers, has no sandbox.
  return chromium.launch({ executablePath: path, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}
