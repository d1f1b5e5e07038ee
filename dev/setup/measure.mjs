// npm run measure [-- names of measurements]

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { command, root } from './project.mjs'
import { setup } from './setup.mjs'

await command(() => setup({ benches: true }))
await import(pathToFileURL(join(root, 'dist-bench', 'test', 'measure', 'main.js')))
