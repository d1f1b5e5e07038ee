#!/usr/bin/env node
// The entry point of kafka-exposer, in the package and in dist/. Its syntax runs on old versions of
// Node.js too, so that the version check can report them.
import { fileURLToPath } from 'node:url'
import { checkNodeVersion } from '../shared/base/node-version.mjs'

try {
  checkNodeVersion(fileURLToPath(new URL('../../package.json', import.meta.url)))
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
import('./main.js')
