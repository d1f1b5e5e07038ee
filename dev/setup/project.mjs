import { fileURLToPath } from 'node:url'

/** The folder of the checkout. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** What went wrong, for people: printed without a stack. */
export class SetupError extends Error {}

/** Runs a command's body; a problem that people can mend is told in a sentence. */
export async function command(body) {
  try {
    await body()
  } catch (error) {
    process.stderr.write(`${error instanceof SetupError ? error.message : error.stack}\n`)
    process.exit(1)
  }
}
