import { readFileSync } from 'node:fs'

/** @throws Error if this Node.js is older than the `engines` of package.json require */
export function checkNodeVersion(packageJson, running = process.versions.node) {
  const needed = JSON.parse(readFileSync(packageJson, 'utf8')).engines.node.replace('>=', '')
  if (compare(running, needed) >= 0) return
  throw new Error(
    `kafka-exposer requires Node.js ${needed} or newer; this is ${running}. Install it from https://nodejs.org.`,
  )
}

function compare(a, b) {
  const [as, bs] = [a, b].map(version => version.split('.').map(Number))
  for (let i = 0; i < 3; i++) if (as[i] !== bs[i]) return as[i] - bs[i]
  return 0
}
