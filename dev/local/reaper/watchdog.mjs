// A process of its own, in a session of its own, that outlives its parent by a moment: when the parent is gone, however it
// went, what it had started and not ended is ended, and its folders are removed. It learns of the death from the pipe
// on its stdin, which the system closes.
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isAlive } from '../process-identity.mjs'

const processes = new Map()
const folders = new Set()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

const lines = createInterface({ input: process.stdin })
lines.on('line', line => {
  const order = JSON.parse(line)
  if (order.watch) processes.set(order.watch, order.identity)
  else if (order.forget) processes.delete(order.forget)
  else if (order.folder) folders.add(order.folder)
  else if (order.keep) folders.delete(order.keep)
})

lines.on('close', async () => {
  for (const [pid, identity] of processes) if (isAlive(pid, identity)) end(pid)
  for (const [pid, identity] of processes) {
    for (let i = 0; i < 500 && isAlive(pid, identity); i++) await new Promise(r => setTimeout(r, 10))
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  process.exit(0)
})

/** Children are leaders of their own group: whatever they started themselves goes with them. */
function end(pid) {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL')
    } catch {}
  }
}
