import { PARTS, type PartName } from '../../dev/local/parts.js'
import { Unavailable } from '../../dev/local/run-command.js'
import { fetchPart } from '../../dev/local/supply.js'

/**
 * Supplies what tests need from outside of the repository. If that is unavailable, it prints a
 * warning and returns null, and the tests are skipped. In CI no test is skipped.
 *
 * @throws Unavailable in CI
 */
export async function orSkip<T>(
  need: string,
  supply: (log: (message: string) => void) => Promise<T>,
): Promise<T | null> {
  try {
    return await supply(message => console.error(message))
  } catch (error) {
    if (!(error instanceof Unavailable) || (process.env.CI && process.env.CI !== 'false'))
      throw error
    console.error(`\n*** Tests that need ${need} are SKIPPED. ${error.message} ***\n`)
    return null
  }
}

/** The path of a part, or null if tests that need it are skipped. */
export const partOrSkip = (name: PartName): Promise<string | null> =>
  orSkip(PARTS[name].title, log => fetchPart(name, log))
