import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './folders.js'

/** The path of a compiled program below dist/. @throws Error if it has not been compiled */
export function compiledScript(path: string): string {
  const script = join(packageRoot, 'dist', path)
  if (!existsSync(script)) throw new Error(`${script} is missing; run \`npm run build\` first`)
  return script
}
