import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { handoverFetcher } from '../../../exposer/group/handovers.js'
import { linesOf } from '../../../exposer/group/lines.js'
import { PeerClient } from '../../../exposer/group/peer-client.js'
import { requestShards } from '../../../exposer/group/peers.js'
import { systemClock } from '../../../shared/base/clock.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'

const peers = new PeerClient(undefined)
let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

/** A shard that answers with `chunk` for ever. */
async function endless(chunk: string): Promise<{ address: string; sent(): number }> {
  let bytes = 0
  server = createServer((_, response) => {
    response.setHeader('X-Exposer-Partitions', '0')
    const write = () => {
      while (!response.destroyed && response.write(chunk)) bytes += chunk.length
    }
    response.on('drain', write)
    write()
  })
  await new Promise<void>(resolve => server!.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { address: `http://127.0.0.1:${port}`, sent: () => bytes }
}

test('a handover that is one endless line is refused after a few MiB', async () => {
  const { address, sent } = await endless('x'.repeat(10_000))
  const memory = { makeRoom: () => true, promise() {} }
  const bounds = { partition: 0, partitionCount: 1, maxTargets: 9, limits: DEFAULT_LIMITS, memory }
  const member = { address, secret: 's' } as Parameters<ReturnType<typeof handoverFetcher>>[0]
  await expect(handoverFetcher(peers, systemClock)(member, bounds)).rejects.toThrow(
    'a line has more than 1048576 characters',
  )
  expect(sent()).toBeLessThan(20e6)
})

test('a list for which there is no memory is refused before it is held', async () => {
  const { address, sent } = await endless(`${'x'.repeat(1000)}\n`.repeat(10))
  let reserved = 0
  const reserve = (lines: readonly string[]) => {
    reserved += lines.reduce((sum, { length }) => sum + length, 0)
    return reserved < 1e6
  }
  const map = { members: [{ address }] } as unknown as Parameters<typeof requestShards>[0]
  const own = { address: 'http://self', lines: () => Promise.reject(new Error('not asked')) }
  const answers = await requestShards(map, '/sd', own, { peers, authorization: undefined, reserve })
  expect(answers).toEqual([{ address, error: 'no memory is left for its list' }])
  expect(sent()).toBeLessThan(20e6)
})

test('lines are the same whatever the size of the chunks', async () => {
  const text = 'ä\n\nlonger\nthe rest ☃'
  for (const size of [1, 2, 3, 100]) {
    const bytes = Buffer.from(text)
    async function* chunks() {
      for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size)
    }
    const lines: string[] = []
    for await (const some of linesOf(chunks(), { bytes: 100, line: 10 })) lines.push(...some)
    expect(lines.join('\n')).toBe(text)
  }
})
