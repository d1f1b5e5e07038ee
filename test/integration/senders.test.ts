import { afterEach, describe, expect, inject, test } from 'vitest'
import { partOrSkip } from '../support/or-skip.js'
import { ReceivingSide } from '../support/senders/receiving-side.js'
import { follow } from '../support/senders/scenario.js'
import { type SenderOptions, SenderUnderTest } from '../support/senders/senders.js'

const prometheus = await partOrSkip('prometheus')
const vmagent = await partOrSkip('vmagent')
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const KINDS = [
  { kind: 'agent', shards: 4 },
  { kind: 'vmagent', shards: 2 },
  { kind: 'server', shards: 2 },
] as const satisfies Partial<SenderOptions>[]

describe.skipIf(!prometheus || !vmagent)(
  'what real senders write while one request is held',
  () => {
    test('is stored bit for bit, and mirrors are down when the targets are, and never when they are not', async () => {
      const side = await ReceivingSide.start({
        brokers: inject('brokers'),
        interval: '1s',
        // Targets without `up`, such as those of rules, are told by it.
        gatewayFlags: () => ['--write.lookback=30s', '--write.interval=1s'],
      })
      stops.push(() => side.stop())
      const gateways = side.gateways.map(({ url }) => url)
      const senders: SenderUnderTest[] = []
      for (const kind of KINDS) {
        const sender = await SenderUnderTest.start({ ...kind, interval: '1s', gateways })
        stops.push(() => sender.stop())
        senders.push(sender)
      }
      const plan = {
        seconds: 30,
        hold: { at: 4, for: 8 },
        failures: [{ at: 17, for: 6 }],
        lag: 5,
      }
      const findings = await follow(plan, side, senders)
      for (const { sender, stored, own, mirrors, ruleGaps, held } of findings) {
        expect(held, sender).toBeGreaterThan(0)
        expect(stored.sent, sender).toBeGreaterThan(1000)
        expect(stored, sender).toMatchObject({ missing: [], added: [] })
        if (own) expect(own, sender).toMatchObject({ missing: [], added: [] })
        expect(ruleGaps, sender).toEqual([])
        for (const [job, verdict] of Object.entries(mirrors)) {
          expect(verdict.scrapes, `${sender} ${job}`).toBeGreaterThan(15)
          expect(verdict, `${sender} ${job}`).toMatchObject({
            falselyDown: [],
            falselyUp: [],
            unseen: [],
            gaps: [],
          })
        }
      }
      expect(await side.mirrors('gateway_mirror_samples_refused_total')).toBe(0)
    }, 240_000)
  },
)
