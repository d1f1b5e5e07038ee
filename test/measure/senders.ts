import type { Bench } from '../bench/pipeline.js'
import type { Row } from '../bench/table.js'
import { cutOff } from '../support/senders/outage.js'
import { ReceivingSide } from '../support/senders/receiving-side.js'
import { follow, type SenderFindings } from '../support/senders/scenario.js'
import { type SenderOptions, SenderUnderTest } from '../support/senders/senders.js'

const INTERVAL = '5s'
const SENDERS = [
  { kind: 'agent', shards: 1 },
  { kind: 'agent', shards: 8 },
  { kind: 'vmagent', shards: 1 },
  { kind: 'vmagent', shards: 8 },
  { kind: 'server', shards: 4 },
] as const satisfies Partial<SenderOptions>[]
const PLAN = {
  seconds: 600,
  hold: { at: 190, for: 30 },
  failures: [
    { at: 60, for: 40 },
    { at: 200, for: 40 },
    { at: 400, for: 40 },
  ],
  lag: 20,
}

/**
 * Real senders for ten minutes. One connection of each is held for 30 s, and one of its targets
 * fails in between.
 */
export async function senders(bench: Bench): Promise<Row[]> {
  return withSenders(bench, SENDERS, async (side, started) => {
    const findings = await follow(PLAN, side, started)
    const refused = await side.mirrors('gateway_mirror_samples_refused_total')
    const back = await side.mirrors('gateway_mirror_out_of_order_samples_total')
    return [
      ...findings.map(rowOf),
      {
        work: 'samples that mirrors have refused, all senders together',
        figure: String(refused),
        goal: '0',
        note: `${back} samples came after newer ones of their series`,
        failed: refused > 0,
      },
    ]
  })
}

function rowOf({ sender, stored, own, mirrors, ruleGaps, held }: SenderFindings): Row {
  const verdicts = Object.values(mirrors)
  const count = (of: (verdict: (typeof verdicts)[number]) => readonly string[]) =>
    verdicts.reduce((sum, verdict) => sum + of(verdict).length, 0)
  const lost = stored.missing.length + stored.added.length
  const ownLost = own ? own.missing.length + own.added.length : 0
  const wrong =
    count(({ falselyDown }) => falselyDown) +
    count(({ falselyUp }) => falselyUp) +
    count(({ unseen }) => unseen) +
    count(({ gaps }) => gaps) +
    ruleGaps.length
  const scrapes = verdicts.reduce((sum, verdict) => sum + verdict.scrapes, 0)
  return {
    work: `${sender}, ten minutes, one connection held for 30 s: samples that differ / scrapes of mirrors that are wrong`,
    figure: `${lost} / ${wrong}`,
    goal: '0 / 0',
    note: `${stored.sent} samples compared bit for bit${own ? `, ${own.sent} with its own (${ownLost} differ)` : ''}; ${scrapes} scrapes of mirrors, ${held} requests held; ${[...wrongTimes(verdicts)].join(', ')}${ruleGaps.length > 0 ? `; rules missing at ${ruleGaps.slice(0, 5).join(', ')}` : ''}`,
    failed: lost + ownLost + wrong > 0,
  }
}

/** The first times of what is wrong. */
function* wrongTimes(verdicts: readonly SenderFindings['mirrors'][string][]) {
  for (const [i, { falselyDown, falselyUp, unseen, gaps }] of verdicts.entries())
    for (const [name, times] of Object.entries({ falselyDown, falselyUp, unseen, gaps }))
      if (times.length > 0)
        yield `${name} ${['steady', 'failing', 'timed'][i]} ${times.length}: ${times.slice(0, 5).join(' ')}`
}

/** An agent that is cut off for ten minutes, and catches up. */
export async function senderOutage(bench: Bench): Promise<Row[]> {
  return withSenders(bench, [{ kind: 'agent', shards: 2 }], async (side, [sender]) => {
    const found = await cutOff(side, sender, 600_000)
    const lost = found.stored.missing.length + found.stored.added.length
    return [
      {
        work: 'an agent that is cut off for ten minutes: samples that are lost',
        figure: String(lost),
        goal: '0',
        note: `${found.stored.sent} samples compared bit for bit; its mirrors were down ${found.downAfter.toFixed(0)} s after the cut, up ${found.upAfter.toFixed(1)} s after its end, everything had arrived after ${found.caughtUpAfter.toFixed(1)} s. Meanwhile: ${found.reasons.join(' | ')}`,
        failed: lost > 0,
      },
    ]
  })
}

async function withSenders(
  { brokers }: Bench,
  options: readonly Pick<SenderOptions, 'kind' | 'shards'>[],
  work: (side: ReceivingSide, senders: readonly SenderUnderTest[]) => Promise<Row[]>,
): Promise<Row[]> {
  const side = await ReceivingSide.start({ brokers, interval: INTERVAL })
  const started: SenderUnderTest[] = []
  try {
    const gateways = side.gateways.map(({ url }) => url)
    for (const one of options)
      started.push(await SenderUnderTest.start({ ...one, interval: INTERVAL, gateways }))
    return await work(side, started)
  } finally {
    for (const sender of started) await sender.stop()
    await side.stop()
  }
}
