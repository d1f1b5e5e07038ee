import { PARTS, type PartName } from '../../dev/local/parts.js'
import { Unavailable } from '../../dev/local/run-command.js'
import { fetchPart } from '../../dev/local/supply.js'

/**
 * What tests need from outside, fetched when it is not on this machine. Null, said loudly, where it
 * cannot be had: then they are skipped. In CI nothing is skipped.
 *
 * @throws Unavailable in CI
 */
export async function orSkip<T>(
  what: string,
  supply: (log: (message: string) => void) => Promise<T>,
): Promise<T | null> {
  try {
    return await supply(message => console.error(message))
  } catch (error) {
    if (!(error instanceof Unavailable) || (process.env.CI && process.env.CI !== 'false')) throw error
    console.error(`\n*** Tests that need ${what} are SKIPPED. ${error.message} ***\n`)
    return null
  }
}

/** The path of a part, or null if tests that need it are skipped. */
export const partOrSkip = (name: PartName): Promise<string | null> =>
  orSkip(PARTS[name].title, log => fetchPart(name, log))
