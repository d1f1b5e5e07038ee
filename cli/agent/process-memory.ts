import { setFlagsFromString } from 'node:v8'

/**
 * Prefers memory to speed: an agent runs on every machine, beside other programs. Without targets to
 * scrape it also does without the optimizing compiler, and its young generation does not grow,
 * because it does little. All have their full effect only before the program is loaded.
 */
export function preferMemory(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): void {
  setFlagsFromString('--optimize-for-size')
  const scrapes =
    argv.some(argument => /^--(config\.file|scrape\.target)(=|$)/.test(argument)) ||
    environment.CONFIG_FILE ||
    environment.SCRAPE_TARGET
  if (scrapes) return
  setFlagsFromString('--no-opt')
  setFlagsFromString('--no-sparkplug')
  setFlagsFromString('--semi-space-growth-factor=1')
}
