import { readFileSync } from 'node:fs'

/** @throws Error with one sentence when this Node is older than package.json asks for */
export function checkNodeVersion(packageJson, running = process.versions.node) {
  const needed = JSON.parse(readFileSync(packageJson, 'utf8')).engines.node.replace('>=', '')
  if (compare(running, needed) >= 0) return
  throw new Error(
    `kafka-exposer needs Node ${needed} or newer, and this is ${running}: install one from https://nodejs.org.`,
  )
}

function compare(a, b) {
  const [as, bs] = [a, b].map(version => version.split('.').map(Number))
  for (let i = 0; i < 3; i++) if (as[i] !== bs[i]) return as[i] - bs[i]
  return 0
}
