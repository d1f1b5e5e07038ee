#!/usr/bin/env node
// The command kafka-exposer, in a package and in dist/. Its syntax is old enough for a Node that is
// too old for the rest.
import { fileURLToPath } from 'node:url'
import { checkNodeVersion } from '../shared/base/node-version.mjs'

try {
  checkNodeVersion(fileURLToPath(new URL('../../package.json', import.meta.url)))
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
import('./main.js')
