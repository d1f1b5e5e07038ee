import { createServer } from 'node:net'

/**
 * Below the ephemeral port ranges, so that no outgoing connection takes the port of a restarting
 * broker.
 */
const FIRST = 15_000
/**
 * Processes that look for ports at the same time look in different shares mostly. Tests of several
 * processes would else be given the same port now and then, before one of them has used it.
 */
const SHARES = 16
const SHARE = 1_000

/** Ports that this process was given lately. They may be free because they are not used yet. */
const given = new Set<number>()

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
  const first = FIRST + (process.pid % SHARES) * SHARE
  const ports: number[] = []
  if (given.size > SHARE / 2) given.clear()
  while (ports.length < count) {
    const port = first + Math.floor(Math.random() * SHARE)
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) ports.push(port)
  }
  return ports
}

/** The preferred port if it is free, else any free port. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await isFree(preferred))) return preferred
  return (await freePorts(1))[0]
}

/** Matches the error messages of programs whose port is in use. */
export const ADDRESS_IN_USE = /address already in use|EADDRINUSE/i
