// npm run build: what the other commands do first.
import { command } from './project.mjs'
import { setup } from './setup.mjs'

await command(() => setup())
