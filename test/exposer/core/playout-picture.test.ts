import { expect, test } from 'vitest'
import { renderPlot, standalone } from '../../../lab/report/plot.js'
import type { Plot } from '../../../lab/types.js'
import { type Distribution, simulate, usualJitter } from '../../support/playout-simulation.js'

const MINUTE = 60_000
const JITTER = { from: 6 * MINUTE, to: 12 * MINUTE }
const DELAYED = { from: 20 * MINUTE, to: 21 * MINUTE }
const PHASE_AT = 42 * MINUTE
const SECOND_AT = 60 * MINUTE
const THIRD_AT = 78 * MINUTE
const END_MINUTES = 100

/** Draws what D does in a hundred minutes in which everything changes once. */
function picture(): Plot {
  let snapshots = 0
  const delay: Distribution = random => {
    const at = snapshots++ * 5000
    return at >= DELAYED.from && at < DELAYED.to ? 3000 + 1000 * random() : 10
  }
  const { changes, replicas } = simulate({
    intervalMs: 5000,
    delay,
    seed: 4,
    settleMs: 0,
    measureMs: END_MINUTES * MINUTE,
    scrapers: [
      { phase: at => (at < PHASE_AT ? 2000 : 4500) },
      { phase: () => 1000, joinsAt: SECOND_AT },
      { intervalMs: 7000, joinsAt: THIRD_AT },
    ],
    jitter: at => (at >= JITTER.from && at < JITTER.to ? random => 300 * random() : usualJitter),
  })
  const steps: [number, number][] = []
  for (const { at, delay } of changes) {
    const before = steps.at(-1)
    if (before) steps.push([at / MINUTE, before[1]])
    steps.push([at / MINUTE, delay / 1000])
  }
  steps.push([END_MINUTES, steps.at(-1)![1]])
  const ages = ({ times, ages }: (typeof replicas)[number]) =>
    times.map((at, i) => [at / MINUTE, ages[i]! / 1000] as const)
  return {
    kind: 'time',
    title: 'Playout delay of a virtual target, simulated, with an interval of 5 s',
    caption: '',
    x: 'minutes',
    y: 'seconds',
    lines: [
      { variant: 'kafka-exposer', label: 'playout delay', points: steps },
      { variant: 'direct', label: 'age, scraper 1', points: ages(replicas[0]!) },
      { variant: 'naive', label: 'age, scraper 2', points: ages(replicas[1]!) },
      {
        variant: 'naive with timestamps',
        label: 'age, scraper 3, every 7 s',
        points: ages(replicas[2]!),
      },
    ],
    marks: [
      { from: JITTER.from / MINUTE, to: JITTER.to / MINUTE, label: 'jitter' },
      { from: DELAYED.from / MINUTE, to: DELAYED.to / MINUTE, label: 'slow Kafka' },
      { from: PHASE_AT / MINUTE, label: 'new phase' },
      { from: SECOND_AT / MINUTE, label: 'scraper 2' },
      { from: THIRD_AT / MINUTE, label: 'scraper 3' },
    ],
  }
}

test('the picture in docs/ is what the simulation draws', async () => {
  const svg = standalone(renderPlot(picture()))
    .replaceAll('kafka-exposer, ', '')
    .replaceAll('direct, ', '')
    .replaceAll('naive with timestamps, ', '')
    .replaceAll('naive, ', '')
  await expect(svg).toMatchFileSnapshot('../../../docs/playout-delay.svg')
})
