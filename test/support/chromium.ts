import { type Browser, chromium } from 'playwright-core'

/** @param path of the part `chromium` */
export function startChromium(path: string): Promise<Browser> {
  // Root, as in containers, has no sandbox.
  return chromium.launch({ executablePath: path, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}
