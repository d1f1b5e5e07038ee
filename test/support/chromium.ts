import { type Browser, chromium } from 'playwright-core'

/** Starts Chromium. @param path of the executable */
export function startChromium(path: string): Promise<Browser> {
  // The sandbox does not work for root, as in containers.
  return chromium.launch({
    executablePath: path,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
    timeout: 120_000,
  })
}
