import { createConnection } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../../dev/local/kafka.js'
import { processIdentity } from '../../../dev/local/process-identity.mjs'

const started: LocalKafka[] = []
const start = async (options: Parameters<typeof startKafka>[0]) => {
  const kafka = await startKafka(options)
  started.push(kafka)
  return kafka
}

afterEach(async () => {
  await Promise.all(started.splice(0).map(kafka => kafka.stop()))
})

const connects = (address: string): Promise<boolean> =>
  new Promise(resolve => {
    const [host, port] = address.split(':')
    const socket = createConnection({ host, port: Number(port) }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

describe('a Kafka for development and tests', () => {
  test('two at once have separate ports and data, and stopping one leaves the other running', async () => {
    const [a, b] = await Promise.all([start({ own: true }), start({ own: true })])
    expect(a.brokers).not.toEqual(b.brokers)
    expect(a.nodes[0].folder).not.toBe(b.nodes[0].folder)
    expect([await connects(a.brokers[0]), await connects(b.brokers[0])]).toEqual([true, true])
    const pid = a.pid!
    await a.stop()
    expect(processIdentity(pid)).toBeNull()
    expect([await connects(a.brokers[0]), await connects(b.brokers[0])]).toEqual([false, true])
  })

  test('a killed node restarts at the same address', async () => {
    const kafka = await start({ own: true })
    const before = kafka.pid
    await kafka.kill()
    expect(kafka.pid).toBeNull()
    expect(await connects(kafka.brokers[0])).toBe(false)
    await kafka.restart()
    expect(await connects(kafka.brokers[0])).toBe(true)
    expect(kafka.pid).not.toBe(before)
  })

  test('a cluster of three nodes listens at three addresses', async () => {
    const kafka = await start({ brokers: 3 })
    expect(new Set(kafka.brokers).size).toBe(3)
    for (const address of kafka.brokers) expect(await connects(address)).toBe(true)
  })
})
