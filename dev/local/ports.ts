import { createServer } from 'node:net'

/**
 * Below the ephemeral port ranges, so that no outgoing connection takes the port of a restarting
 * broker.
 */
const FIRST = 15_000
const LAST = 31_999

/** Whether a port of the loopback interface is free now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(true)),
    )
  })
}

/** Random free ports. Another process may take one before it is used, so callers have to retry. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1))
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

/** The preferred port if it is free, else any free port. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await isFree(preferred))) return preferred
  return (await freePorts(1))[0]
}

/** Matches the error messages of programs whose port is in use. */
export const ADDRESS_IN_USE = /address already in use|EADDRINUSE/i
