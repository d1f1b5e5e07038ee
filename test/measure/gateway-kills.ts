import { setTimeout as delay } from 'node:timers/promises'
import { GatewayProcess, kafkaFlags } from '../bench/gateway/contenders.js'
import { Client } from '../bench/gateway/pushes.js'
import type { Bench } from '../bench/pipeline.js'
import type { Row } from '../bench/table.js'

const KILLS = Number(process.env.KILLS ?? 200)
const CLIENTS = 8
const RETRY_MS = 20
const BODY = '# TYPE done_total counter\ndone_total 1\n'

/**
 * Kills one of two gateways (SIGKILL), again and again, while clients accumulate counters. A client
 * repeats a request with its `Idempotency-Key` at the other gateway until it is acknowledged. At the
 * end each counter has to be the number of acknowledged requests: none is lost, and none counts
 * twice.
 */
export async function gatewayKills(bench: Bench): Promise<Row[]> {
  const flags = await kafkaFlags(bench.brokers)
  const start = (i: number) => GatewayProcess.ours(`gateway ${i + 1}`, flags)
  const gateways = [await start(0), await start(1)]
  const acknowledged = new Array<number>(CLIENTS).fill(0)
  let repeated = 0
  let going = true
  const client = async (index: number) => {
    for (let n = 0; going; n++) {
      for (let attempt = 0; ; attempt++) {
        const { url } = gateways[(index + attempt) % gateways.length]
        if (await isAccumulated(url, index, n)) break
        repeated++
        await delay(RETRY_MS)
      }
      acknowledged[index]++
    }
  }
  const clients = acknowledged.map((_, index) => client(index))
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const victim = kill % gateways.length
      await delay(50 + Math.random() * 400)
      await gateways[victim].stop()
      gateways[victim] = await start(victim)
    }
    going = false
    await Promise.all(clients)
    const [lost, twice] = await differences(gateways[0].url, acknowledged)
    const total = acknowledged.reduce((sum, count) => sum + count, 0)
    return [
      {
        work: `${KILLS} kills of one of two gateways while ${CLIENTS} clients accumulate: acknowledged requests that are lost`,
        figure: String(lost),
        goal: '0',
        note: `${total} acknowledged, ${repeated} attempts repeated, ${twice} counted twice (goal 0)`,
        failed: lost + twice > 0,
      },
    ]
  } finally {
    going = false
    await Promise.allSettled(clients)
    await Promise.all(gateways.map(gateway => gateway.stop()))
  }
}

async function isAccumulated(url: string, index: number, n: number): Promise<boolean> {
  const client = new Client(url)
  try {
    const path = `/accumulate/job/kills/instance/client-${index}`
    const { status } = await client.send('POST', path, BODY, { 'idempotency-key': `${index}-${n}` })
    return status === 200
  } catch {
    return false
  } finally {
    client.close()
  }
}

/** @returns number of acknowledged requests that are missing, and that counted twice */
async function differences(url: string, wanted: readonly number[]): Promise<[number, number]> {
  const client = new Client(url)
  const { body } = await client.send('GET', '/metrics')
  client.close()
  let lost = 0
  let twice = 0
  for (const [index, count] of wanted.entries()) {
    const line = new RegExp(`^done_total\\{instance="client-${index}",.*\\} (\\d+)$`, 'm')
    const found = Number(line.exec(body.toString())?.[1] ?? 0)
    lost += Math.max(0, count - found)
    twice += Math.max(0, found - count)
  }
  return [lost, twice]
}
