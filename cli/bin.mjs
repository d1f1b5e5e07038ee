#!/usr/bin/env node
// The command kafka-exposer. An app that only publishes installs nothing of the server: whoever runs the server is told
// what to install.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { checkNodeVersion } from '../shared/base/node-version.mjs'

const packageJson = fileURLToPath(new URL('../package.json', import.meta.url))
const main = new URL('../dist/cli/main.js', import.meta.url)

try {
  checkNodeVersion(packageJson)
  if (!existsSync(main)) throw new Error('kafka-exposer is not built: run `npm run build` in its checkout.')
} catch (error) {
  end(error.message)
}

const { peerDependencies } = JSON.parse(readFileSync(packageJson, 'utf8'))
const missing = Object.keys(peerDependencies).filter(name => !isInstalled(name))
if (missing.length && !isAboutItself(process.argv.slice(2))) {
  const packages = missing.map(name => `'${name}@${peerDependencies[name]}'`).join(' ')
  end(`The kafka-exposer command needs libraries that its publisher does not: npm install ${packages}`)
}
await import(main)

/** Help and version are told to everyone. */
function isAboutItself([first]) {
  return first === undefined || ['help', '--help', '-h', '--version'].includes(first)
}

function isInstalled(name) {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false
  }
}

function end(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
