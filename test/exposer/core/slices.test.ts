import { describe, expect, test } from 'vitest'
import { MassiveScrape } from '../../../exposer/core/render/massive/massive.js'
import { prepareTarget, renderTarget } from '../../../exposer/core/render/target.js'
import type { Reading } from '../../../exposer/core/store/layout-reading.js'
import { oneStep, type Steps } from '../../../shared/base/steps.js'
import { type Format, TEXT } from '../../../shared/exposition/format.js'
import { recordOf } from '../../support/layout-record.js'
import { EXPENSIVE_LAYOUTS, simpleLayout } from '../../support/layouts.js'
import { LongestSteps } from '../../support/longest-step.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const OPENMETRICS: Format = { name: 'openmetrics-1.0.0', escaping: 'underscores' }
/** Maximum CPU time of one step, ms: what DESIGN allows a whole slice. */
const MOST_MS = 10
/**
 * CPU time of the longest copy that a step makes, ms: the text of a block of long series cannot be
 * copied in pieces. Some machines take longer than `MOST_MS` for it.
 */
function copyMs(): number {
  const longest = new LongestSteps()
  const parts = Array.from({ length: 64 }, (_, i) => String(i % 10).repeat(256 * 1024))
  for (let i = 0; i < 5; i++) {
    longest.restart()
    longest.run(oneStep(() => parts.join('')))
  }
  return longest.ms
}

/** On a busy machine, it may take some repetitions until each step was fast once. */
const REPEATS = 10

const lose = (shard: FakeShard) =>
  shard.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [], lost: [0] }, shard.now)

/** Does the work of a shard with one target that has this layout, in steps. */
function* lifeOf(layout: Parameters<typeof recordOf>[0]): Generator<Steps<unknown>, void, unknown> {
  const fake = new FakeShard(undefined, { layoutBytes: 1e9 })
  const { shard } = fake
  const record = recordOf(layout, { collectedAt: fake.wall })
  const unread = shard.tryApply(0, record, fake.now)
  if (!unread) throw new Error(`refused: ${fake.refusals}`)
  const read = (yield shard.read(unread)) as never
  yield oneStep(() => shard.tryApply(0, record, fake.now, read))
  if (fake.refusals.length > 0) throw new Error(`refused: ${fake.refusals}`)
  yield shard.store.families.updateSteps()
  const target = [...shard.targets()][0]
  const played = shard.played(target, fake.now)!
  shard.store.acquire(played)
  const ready = (yield prepareTarget(played, OPENMETRICS)) as never
  yield chunks(renderTarget(played, ready, OPENMETRICS, fake.now))
  shard.store.release(played)
  const scrape = new MassiveScrape(shard, { view: 'latest', format: TEXT, now: fake.now })
  yield scrape.prepare()
  yield chunks(scrape.render())
  yield scrape.end(true)
  yield shard.sweepSteps(fake.now)
  lose(fake)
  yield shard.releaseSteps()
}

function* chunks(rendering: Generator<Buffer>): Steps<void> {
  for (const _ of rendering) yield
}

describe('nothing holds the event loop', () => {
  test.each(Object.entries(EXPENSIVE_LAYOUTS))(
    '%s: no step of reading, applying, rendering and releasing a layout within the limits is long',
    (_, make) => {
      const layout = make()
      const longest = new LongestSteps()
      const most = Math.max(MOST_MS, 2 * copyMs())
      for (let i = 0; i < REPEATS && (i < 2 || longest.ms >= most); i++) {
        longest.restart()
        const life = lifeOf(layout)
        let work = life.next()
        while (!work.done) work = life.next(longest.run(work.value))
      }
      expect(longest.ms, longest.longest).toBeLessThan(most)
    },
  )

  test.each(['live', 'replayed'])('exemplars with as many labels as allowed, %s', when => {
    const exemplars = Array.from({ length: 20_000 }, (_, i) => ({
      series: i % 100,
      labels: Array.from({ length: 64 }, (_, l) => ({
        name: String.fromCharCode(48 + l),
        value: '',
      })),
      value: 1,
      timestamp: null,
    }))
    const longest = new LongestSteps()
    for (let i = 0; i < REPEATS && (i < 1 || longest.ms >= MOST_MS); i++) {
      const shard = new FakeShard()
      if (when === 'replayed') {
        lose(shard)
        const assignment = { epoch: 3, partitionCount: 1, kept: [], fresh: [0], lost: [] }
        shard.shard.assign(assignment, shard.now)
        shard.shard.replay(0, 0, 1, shard.now)
      }
      const record = recordOf(simpleLayout(100), { collectedAt: shard.wall, exemplars })
      longest.restart()
      const apply = (read?: Reading) =>
        longest.run(oneStep(() => shard.shard.tryApply(0, record, shard.now, read)))
      let unread = apply()
      while (unread) unread = apply(longest.run(shard.shard.read(unread)))
      shard.shard.fetched(0, 1, 1, shard.now)
      const [target] = shard.shard.targets()
      expect(longest.run(shard.shard.decodeSteps(target.newest!))).toBe(true)
      expect(target.newest!.parts[0].exemplars).toHaveLength(20_000)
      longest.run(prepareTarget(target.newest!, OPENMETRICS))
    }
    expect(longest.ms, longest.longest).toBeLessThan(MOST_MS)
  })

  test('dropping a partition of 20,000 targets', () => {
    const longest = new LongestSteps()
    for (let i = 0; i < REPEATS && (i < 1 || longest.ms >= MOST_MS); i++) {
      const shard = new FakeShard(undefined, { layoutBytes: 1e9 })
      const layout = simpleLayout(3)
      for (let t = 0; t < 20_000; t++)
        shard.shard.apply(0, recordOf(layout, { job: `j${t}`, collectedAt: shard.wall }), shard.now)
      expect(shard.shard.targetCount).toBe(20_000)
      lose(shard)
      expect([shard.shard.targetCount, ...shard.shard.targets()]).toEqual([0])
      longest.restart()
      longest.run(shard.shard.releaseSteps())
    }
    expect(longest.ms, longest.longest).toBeLessThan(MOST_MS)
  })

  test('releasing 20,000 held snapshots of one target, by a sweep or with their target', () => {
    const longest = new LongestSteps()
    for (const by of ['sweep', 'drop']) {
      const shard = new FakeShard(undefined, { historyMaxAgeMs: 1e9 })
      const app = new FakeApp({ intervalMs: 1000 })
      const x = '# HELP x X.\n# TYPE x gauge\nx 1\n'
      shard.publish(app, { exposition: x, collectedAt: shard.wall })
      shard.all('p')
      const record = recordOf(simpleLayout(1), { collectedAt: shard.wall })
      for (let i = 0; i < 20_000; i++) {
        shard.wall++
        const sequence = i + 1
        // The header of the same record with another number and time.
        const next =
          i === 0 ? record : recordOf(simpleLayout(1), { sequence, collectedAt: shard.wall })
        shard.shard.apply(0, next, shard.now)
      }
      expect(shard.shard.history.length).toBeGreaterThanOrEqual(20_000)
      longest.restart()
      if (by === 'drop') {
        lose(shard)
        longest.run(shard.shard.releaseSteps())
      } else {
        shard.wall += 2e9
        longest.run(shard.shard.sweepSteps(shard.now))
      }
      expect(shard.shard.history.bytes).toBe(0)
    }
    expect(longest.ms, longest.longest).toBeLessThan(MOST_MS)
  })
})
