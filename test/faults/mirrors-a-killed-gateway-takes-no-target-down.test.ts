import { afterEach, describe, expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { partOrSkip } from '../support/or-skip.js'
import { verdictOf } from '../support/senders/judgement.js'
import type { LocalProgram } from '../support/senders/program.js'
import { ReceivingSide } from '../support/senders/receiving-side.js'
import { JOBS, SenderUnderTest } from '../support/senders/senders.js'

const PARTITIONS = 4
const prometheus = await partOrSkip('prometheus')
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function start(gatewayFlags: (index: number) => string[]) {
  const brokers = inject('brokers')
  const side = await ReceivingSide.start({ brokers, interval: '1s', gatewayFlags })
  stops.push(() => side.stop())
  const gateways = side.gateways.map(({ url }) => url)
  const sender = await SenderUnderTest.start({
    ...{ kind: 'agent', shards: 2, interval: '1s', gateways },
  })
  stops.push(() => sender.stop())
  const areUp = async () => {
    for (const job of JOBS)
      expect((await side.scraping.query(`up${sender.selector(job)} == 1`)).length, job).toBe(1)
  }
  await eventually(areUp, 60_000)
  return { side, sender }
}

const partitionsOf = (gateway: LocalProgram) => gateway.metric('gateway_mirror_partitions')

/** Time of the last snapshot of a target at the gateway that mirrors it, Unix ms; 0 at others. */
async function mirroredAt(gateway: LocalProgram, job: string): Promise<number> {
  const answer = await fetch(`${gateway.url}/api/v1/mirrors?search=job=${job}`)
  const { data } = (await answer.json()) as { data: { mirrors: { last_snapshot: number }[] } }
  return data.mirrors[0]?.last_snapshot ?? 0
}

describe.skipIf(!prometheus)('a gateway that is killed', () => {
  test('takes none of its mirrored targets down while another one takes over', async () => {
    const { side, sender } = await start(() => ['--kafka.session-timeout=6s'])
    const [first, second] = side.gateways as [LocalProgram, LocalProgram]
    const isFirst = (await mirroredAt(first, 'steady')) > 0
    const [owner, other] = isFirst ? [first, second] : [second, first]
    const from = Date.now()
    await owner.kill()
    sender.proxy.setGateways([other.url])
    await eventually(async () => expect(await partitionsOf(other)).toBe(PARTITIONS), 60_000)
    const takenOver = Date.now()
    await eventually(async () => {
      for (const job of JOBS) expect(await mirroredAt(other, job)).toBeGreaterThan(takenOver)
    }, 60_000)
    const until = Date.now()
    for (const job of JOBS) {
      const verdict = await verdictOf(sender, job, side.scraping, { from, until, lagMs: 60_000 })
      expect(verdict.scrapes, job).toBeGreaterThan(5)
      expect(verdict, job).toMatchObject({ falselyDown: [], gaps: [] })
    }
  }, 180_000)

  test('and starts again with its instance id goes on at once, without a rebalance', async () => {
    const { side, sender } = await start(index => [`--kafka.instance-id=gateway-${index}`])
    const [killed, other] = side.gateways as [LocalProgram, LocalProgram]
    await eventually(async () => {
      expect(await partitionsOf(killed)).toBe(PARTITIONS / 2)
      expect(await partitionsOf(other)).toBe(PARTITIONS / 2)
    })
    const from = Date.now()
    await killed.kill()
    await killed.restart()
    await eventually(async () => {
      expect(await partitionsOf(other)).toBe(PARTITIONS / 2)
      expect(await partitionsOf(killed)).toBe(PARTITIONS / 2)
    })
    const restarted = Date.now()
    await eventually(async () => {
      for (const job of JOBS) {
        const times = await Promise.all(side.gateways.map(one => mirroredAt(one, job)))
        expect(Math.max(...times), job).toBeGreaterThan(restarted)
      }
    }, 60_000)
    const until = Date.now()
    for (const job of JOBS)
      expect(
        await verdictOf(sender, job, side.scraping, { from, until, lagMs: 60_000 }),
        job,
      ).toMatchObject({ falselyDown: [], gaps: [] })
  }, 180_000)

  test('two gateways with one instance id: the first ends with code 3, and says which flag', async () => {
    const side = await ReceivingSide.start({
      ...{ brokers: inject('brokers'), interval: '1s', gateways: 1 },
      gatewayFlags: () => ['--kafka.instance-id=same'],
    })
    stops.push(() => side.stop())
    const [first] = side.gateways as [LocalProgram]
    const second = await first.another()
    stops.push(() => second.stop())
    expect(await first.exitCode()).toBe(3)
    expect(first.log()).toContain('Set a different --kafka.instance-id for each gateway')
    await eventually(async () => expect(await partitionsOf(second)).toBe(PARTITIONS), 60_000)
  }, 120_000)
})
