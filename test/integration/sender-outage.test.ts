import { afterEach, expect, inject, test } from 'vitest'
import { partOrSkip } from '../support/or-skip.js'
import { cutOff } from '../support/senders/outage.js'
import { ReceivingSide } from '../support/senders/receiving-side.js'
import { SenderUnderTest } from '../support/senders/senders.js'

const prometheus = await partOrSkip('prometheus')
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

test.skipIf(!prometheus)(
  'an agent that was cut off catches up: nothing is lost, and its mirrors are down meanwhile',
  async () => {
    const side = await ReceivingSide.start({
      ...{ brokers: inject('brokers'), interval: '1s', gateways: 1 },
      exposerFlags: ['--staleness.max-age=5s'],
    })
    stops.push(() => side.stop())
    const sender = await SenderUnderTest.start({
      ...{ kind: 'agent', shards: 2, interval: '1s' },
      gateways: side.gateways.map(({ url }) => url),
    })
    stops.push(() => sender.stop())
    const { stored, reasons } = await cutOff(side, sender, 15_000)
    expect(stored.sent).toBeGreaterThan(100)
    expect(stored).toMatchObject({ missing: [], added: [] })
    expect(reasons.join('\n')).toContain('no snapshot for N s, the publish interval is N s')
  },
  180_000,
)
