// The watchdog of the reaper: a process in its own session that outlives its parent. When the
// parent ends, the system closes the pipe on standard input. The watchdog then kills the registered
// processes, removes the registered folders and exits.
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
  for (const [pid, identity] of processes) if (isAlive(pid, identity)) kill(pid)
  for (const [pid, identity] of processes) {
    for (let i = 0; i < 500 && isAlive(pid, identity); i++)
      await new Promise(r => setTimeout(r, 10))
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  process.exit(0)
})

/** Kills a process and, because children lead their own process group, its descendants. */
function kill(pid) {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL')
    } catch {}
  }
}
