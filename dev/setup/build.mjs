// npm run build: installs dependencies and compiles, as the other npm commands do first.
import { command } from './project.mjs'
import { setup } from './setup.mjs'

await command(() => setup())
