import { fileURLToPath } from 'node:url'

/** The folder of the checkout. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** An error that the user can fix. It is printed without a stack. */
export class SetupError extends Error {}

/** Runs the body of a command. An error is printed and ends the process with code 1. */
export async function command(body) {
  try {
    await body()
  } catch (error) {
    process.stderr.write(`${error instanceof SetupError ? error.message : error.stack}\n`)
    process.exit(1)
  }
}
