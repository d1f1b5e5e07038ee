import { spawn } from 'node:child_process'
import { root, SetupError } from './project.mjs'

/** Runs a command in the checkout. @throws SetupError with its output if it fails */
export async function run(name, command, args) {
  let output = ''
  const code = await new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        output += chunk
      })
    }
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0)
    throw new SetupError(`${output.trimEnd()}\n${name} failed with exit code ${code}.`)
}
