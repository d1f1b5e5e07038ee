import { Unavailable } from '../../dev/local/run-command.js'
import type { Fleet } from './backlog.js'
import { Contender } from './contenders.js'
import type { Bench } from './pipeline.js'
import { type Row, spread } from './table.js'

const FLEET: Fleet = { targets: 100, series: 1000 }
const LARGE_FLEET: Fleet = { targets: 1000, series: 1000 }
const ROUNDS = 20
/** Runs that are measured, and the runs before them that warm up. */
const DRAINS = { measured: 3, warmUp: 1 }
const SCRAPES = { measured: 5, warmUp: 3 }

/**
 * Measures Telegraf next to a shard: the same collections of the same targets on the same broker,
 * one after the other, several times. Each figure is that of Telegraf in proportion to that of the
 * shard. Without Telegraf the figures of the shard are measured alone.
 */
export async function peers(bench: Bench): Promise<Row[]> {
  const rows = await withContenders(bench, FLEET, async contenders => [
    await drains(contenders),
    await scrapes(contenders, 'identity'),
    await scrapes(contenders, 'gzip'),
    await memory(contenders),
  ])
  const large = await withContenders(bench, LARGE_FLEET, async contenders => {
    for (const contender of contenders) await exposeAll(contender, 2)
    return [await memory(contenders)]
  })
  return [...rows.measured, ...large.measured, ...rows.missing]
}

async function withContenders(
  bench: Bench,
  fleet: Fleet,
  measure: (contenders: readonly Contender[]) => Promise<Measurement[]>,
): Promise<{ measured: Row[]; missing: Row[] }> {
  const contenders: Contender[] = []
  const missing: Row[] = []
  try {
    contenders.push(await Contender.shard(bench, fleet))
    try {
      contenders.push(await Contender.telegraf(bench, fleet))
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      missing.push({ work: 'Telegraf', figure: 'not measured', note: error.message })
    }
    const size = `${fleet.targets} targets × ${fleet.series} series`
    return { measured: (await measure(contenders)).map(made => rowOf(made, size)), missing }
  } finally {
    await Promise.all(contenders.map(contender => contender.stop()))
  }
}

/** Figures by contender, the shard first, run by run. */
interface Measurement {
  readonly work: string
  readonly unit: string
  readonly digits: number
  readonly figures: ReadonlyMap<string, readonly number[]>
  readonly note?: string
}

async function drains(contenders: readonly Contender[]): Promise<Measurement> {
  const figures = await alternating(contenders, DRAINS, async contender => {
    const before = contender.cpu()
    await exposeAll(contender, ROUNDS)
    return contender.cpu() - before
  })
  const bytes = contenders.map(({ name, recordBytes }) => `${name} ${recordBytes} B`).join(', ')
  return {
    work: `drain a backlog of ${ROUNDS} rounds until exposed at /metrics, with that scrape`,
    unit: 'CPU-s',
    digits: 2,
    figures,
    note: `records: ${bytes}`,
  }
}

async function scrapes(
  contenders: readonly Contender[],
  encoding: 'identity' | 'gzip',
): Promise<Measurement> {
  const figures = await alternating(contenders, SCRAPES, async contender => {
    // Every scrape shows new values, and no target becomes stale.
    await contender.appendSuspended(1)
    await contender.caughtUp()
    const before = contender.cpu()
    const exposition = await contender.scrape(encoding)
    const cpu = contender.cpu() - before
    contender.verify(exposition)
    return cpu
  })
  const work = `one scrape of /metrics, ${encoding === 'gzip' ? 'gzip' : 'plain'}`
  return { work, unit: 'CPU-s', digits: 3, figures }
}

async function memory(contenders: readonly Contender[]): Promise<Measurement> {
  const figures = new Map(contenders.map(contender => [contender.name, [contender.rss()]]))
  return { work: 'RSS holding and having rendered all series', unit: 'MiB', digits: 0, figures }
}

/** Appends a backlog, and ends with a scrape that has the last values of all series. */
async function exposeAll(contender: Contender, rounds: number): Promise<void> {
  await contender.appendSuspended(rounds)
  await contender.caughtUp()
  contender.verify(await contender.scrape('identity'))
}

/** Measures all contenders in turn. */
async function alternating(
  contenders: readonly Contender[],
  runs: { readonly measured: number; readonly warmUp: number },
  measure: (contender: Contender) => Promise<number>,
): Promise<Map<string, number[]>> {
  const figures = new Map(contenders.map(({ name }) => [name, [] as number[]]))
  for (let run = -runs.warmUp; run < runs.measured; run++)
    for (const contender of contenders) {
      const figure = await measure(contender)
      if (run >= 0) figures.get(contender.name)!.push(figure)
    }
  return figures
}

function rowOf({ work, unit, digits, figures, note }: Measurement, size: string): Row {
  const [[, ours], ...others] = figures
  const ratios = others.map(
    ([name, theirs]) => `${name}: ${spread(theirs.map((value, i) => value / ours[i]))} ×`,
  )
  const absolute = [...figures].map(([name, values]) => `${name} ${spread(values, digits)} ${unit}`)
  const runs = ours.length === 1 ? [] : [`${ours.length} runs in turn`]
  return {
    work: `${work}, ${size}`,
    figure: ratios.length > 0 ? ratios.join(', ') : absolute[0],
    note: [...(ratios.length > 0 ? absolute : []), ...(note ? [note] : []), ...runs].join('; '),
  }
}
