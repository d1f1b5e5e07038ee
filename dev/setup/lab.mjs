// npm run lab [-- flags of `kafka-exposer lab`]

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { command, root } from './project.mjs'
import { setup } from './setup.mjs'

await command(() => setup())
const main = join(root, 'dist', 'cli', 'main.js')
process.argv.splice(1, 1, main, 'lab')
await import(pathToFileURL(main))
