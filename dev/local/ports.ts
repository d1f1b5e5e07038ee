import { createServer } from 'node:net'

/** Below the ranges from which systems take ports of outgoing connections, so that a broker finds its port again at a restart. */
const FIRST = 15_000
const LAST = 31_999

/** Whether a port of the loopback interface can be listened on now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/**
 * Ports that were free a moment ago. Somebody else may take one before it is used: whoever listens on it must be ready
 * to ask again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1))
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

/** The preferred port when it is free, else any other. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await isFree(preferred))) return preferred
  return (await freePorts(1))[0]
}

/** What programs say when the port they were given is taken. */
export const ADDRESS_IN_USE = /address already in use|EADDRINUSE/i
