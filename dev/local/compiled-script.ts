import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './folders.js'

/** A program of ours as it was built. @throws Error that says what to do when it was not */
export function compiledScript(path: string): string {
  const script = join(packageRoot, 'dist', path)
  if (!existsSync(script)) throw new Error(`${script} is missing: run \`npm run build\` first`)
  return script
}
