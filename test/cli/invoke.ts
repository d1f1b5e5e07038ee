import type { Command, Invocation } from '../../cli/common.js'

export interface Outcome {
  /** Undefined if the command threw. */
  readonly code: number | undefined
  readonly error: Error | undefined
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a command as `cli/main.ts` does, with a terminal of 80 columns and the given environment.
 */
export async function invoke(
  command: Command,
  argv: readonly string[],
  more: Partial<Pick<Invocation, 'environment' | 'signal'>> = {},
): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  let code: number | undefined
  let error: Error | undefined
  try {
    code = await command({
      argv,
      environment: {},
      signal: new AbortController().signal,
      version: '1.2.3',
      ...more,
      stdout: { columns: 80, write: text => (stdout += text) },
      stderr: { write: text => (stderr += text) },
    })
  } catch (thrown) {
    error = thrown as Error
  }
  return { code, error, stdout, stderr }
}
