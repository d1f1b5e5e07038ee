import type { Experiment } from '../experiment.js'
import type { App, Lab } from '../harness/lab.js'
import { everyTarget, job, type LabPrometheus } from '../harness/prometheus.js'
import { median } from '../stats/quantile.js'
import type { Figure, Line, Observed, Variant } from '../types.js'
import { figureOf } from './figures.js'

/**
 * What becomes of `up`, and of an app's neighbours. Some apps die, some hang and come back, one explodes its cardinality; and what Prometheus knows of it, which scrapes
 * them directly, through the naive exposer, and through ours.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly intervalSeconds: number
  /** Apps that die, and as many that hang. */
  readonly victims: number
  readonly bystanders: number
  readonly series: number
  readonly explodesTo: number
  readonly sampleLimit: number
  readonly watchSeconds: number
}

const VARIANTS = ['direct', 'naive', 'ours'] as const

export const discovery: Experiment<Parameters> = {
  name: 'discovery',
  title: 'Discovery: does anybody notice when an app is gone, and who pays for a bad one',
  question: 'When an app dies, hangs or goes mad, does an alert fire for it, and only for it?',
  short: {
    intervalSeconds: 2,
    victims: 3,
    bystanders: 4,
    series: 50,
    explodesTo: 20_000,
    sampleLimit: 5000,
    watchSeconds: 30,
  },
  full: {
    intervalSeconds: 5,
    victims: 5,
    bystanders: 10,
    series: 100,
    // More would be a record that brokers refuse, and the naive exposer be spared by accident.
    explodesTo: 20_000,
    sampleLimit: 10_000,
    watchSeconds: 120,
  },
  reduced: {
    intervalSeconds: 1,
    victims: 1,
    bystanders: 1,
    series: 10,
    explodesTo: 2000,
    sampleLimit: 1000,
    watchSeconds: 6,
  },

  estimate: ({ watchSeconds }) => 35 + 3 * watchSeconds,

  async run(lab, parameters): Promise<Observed> {
    const { victims, intervalSeconds, watchSeconds } = parameters
    const { prometheus, dying, hanging, mad } = await arrange(lab, parameters)
    const figures: Figure[] = []
    const down = (app: App, since: number) =>
      Promise.all(VARIANTS.map(variant => untilDown(lab, prometheus, variant, app, since, watchSeconds)))

    lab.say(`${victims} apps die`)
    figures.push(
      ...(
        await Promise.all(
          dying.map(async app => {
            // Deaths at all phases of the interval.
            await lab.pause(lab.random(`death of ${app.options.instance}`)() * intervalSeconds)
            const died = Date.now()
            await app.die()
            return (await down(app, died)).flat()
          }),
        )
      ).flat(),
    )
    lab.share(0.4)

    lab.say(`${victims} apps hang, and come back`)
    const hung = Date.now()
    for (const app of hanging) app.hang()
    const hangs = (await Promise.all(hanging.map(app => down(app, hung)))).flat(2)
    figures.push(...hangs.map(figure => ({ ...figure, name: figure.name.replace('dies', 'hangs') })))
    const resumed = Date.now()
    for (const app of hanging) app.resume()
    figures.push(
      ...(
        await Promise.all(hanging.map(app => recoveries(lab, prometheus, app, resumed, watchSeconds)))
      ).flat(),
    )
    lab.share(0.7)

    lab.say('one app explodes its cardinality')
    const from = Date.now() / 1000
    await mad.explode(parameters.explodesTo)
    await lab.pause(watchSeconds)
    const { blast, plots } = await blastOf(prometheus, from, parameters)
    figures.push(...blast)
    return { figures: merged(figures), plots, notMeasured: [] }
  },

  judge({ figures }, { intervalSeconds }) {
    const died = (variant: Variant) => figureOf(figures, 'an app dies, until up is 0', variant)
    const hurt = (variant: Variant) =>
      Math.max(...figureOf(figures, 'neighbours that lost data when one app exploded', variant))
    const ours = died('ours').map(seconds => seconds / intervalSeconds)
    const worst = Math.max(...ours)
    return [
      {
        claim: 'Through a naive exposer nobody is told that an app died: it has no up',
        holds: died('naive').length === 0,
        because:
          died('naive').length === 0
            ? 'up was never 0 for any of them; their series just ended'
            : `up was 0 after ${median(died('naive')).toFixed(1)} s`,
      },
      {
        claim: 'Ours says up 0 within 1.5 to 3.5 intervals of a death',
        holds: ours.length > 0 ? worst <= 3.5 + 1 / intervalSeconds : false,
        because:
          ours.length > 0
            ? `after ${median(ours).toFixed(1)} intervals in the middle, ${worst.toFixed(1)} at most (scraped directly: ${(median(died('direct')) / intervalSeconds).toFixed(1)})`
            : 'up was never 0',
      },
      {
        claim:
          'One app with too many series takes all others with it through a naive exposer, and nobody with it through ours',
        holds: hurt('naive') > 0 && hurt('ours') === 0,
        because: `of the neighbours ${hurt('naive').toFixed(0)} % lost data with naive, ${hurt('ours').toFixed(0)} % with ours, ${hurt('direct').toFixed(0)} % scraped directly`,
      },
    ]
  },
}

async function arrange(lab: Lab, { intervalSeconds, victims, bystanders, series, sampleLimit }: Parameters) {
  lab.say('starting a Kafka, exposers and apps')
  const cluster = await lab.cluster()
  const topics = { ours: await cluster.topic(), naive: await cluster.topic() }
  const app = (instance: string, targets = 1) =>
    lab.app(instance, {
      job: 'lab',
      instance,
      targets,
      series,
      intervalMs: intervalSeconds * 1000,
      counter: 'constant',
      began: Date.now(),
      brokers: cluster.brokers,
      topics,
      way: { kind: 'none', seconds: 0 },
      seed: lab.seed,
    })
  const several = (name: string) =>
    Promise.all(Array.from({ length: victims }, (_, i) => app(`${name}-${i}`)))
  const [dying, hanging] = [await several('dying'), await several('hanging')]
  const neighbours = await app('neighbour', bystanders)
  const mad = await app('mad')
  const ours = await lab.ours(cluster, topics.ours, { flags: [`--limit.samples=${sampleLimit}`] })
  const naive = await lab.naive(cluster, topics.naive)
  const interval = `${intervalSeconds}s`
  const all = [...dying, ...hanging, neighbours, mad]
  const count = all.reduce((sum, one) => sum + one.options.targets, 0)
  const limit = { sample_limit: sampleLimit }
  const prometheus = await lab.prometheus({
    global: everyTarget(interval),
    scrape_configs: [
      job.direct(
        interval,
        all.map(one => one.process),
        limit,
      ),
      // What one may send is what all may send together: there is but one target.
      job.massive('naive', interval, [naive], limit),
      job.ours(ours, limit),
    ],
  })
  await lab.until(
    'every app is seen in every variant',
    async () => (await prometheus.query('lab_work_total')).length === 3 * count,
  )
  return { prometheus, dying, hanging, mad }
}

/** From then until `up` of the app is 0; without a value when it never was. */
async function untilDown(
  lab: Lab,
  prometheus: LabPrometheus,
  variant: Variant,
  app: App,
  since: number,
  withinSeconds: number,
): Promise<Figure[]> {
  const instance = app.instances[0]
  const shown = `lab_work_total{variant="${variant}",instance="${instance}"}`
  let gone = Number.NaN
  let down = Number.NaN
  while (Date.now() - since < withinSeconds * 1000 && Number.isNaN(down)) {
    const at = (Date.now() - since) / 1000
    if ((await prometheus.value(`up{variant="${variant}",instance="${instance}"}`)) === 0) down = at
    if (Number.isNaN(gone) && Number.isNaN(await prometheus.value(shown))) gone = at
    await lab.pause(0.15)
  }
  const figure = (name: string, value: number, note: string): Figure => ({
    name,
    variant,
    setting: '',
    unit: 's',
    values: Number.isNaN(value) ? [] : [value],
    ...(Number.isNaN(value) ? { note } : {}),
  })
  return [
    figure('an app dies, until up is 0', down, `never, in ${withinSeconds} s`),
    figure('an app dies, until its series end', gone, `not in ${withinSeconds} s`),
  ]
}

async function recoveries(
  lab: Lab,
  prometheus: LabPrometheus,
  app: App,
  since: number,
  withinSeconds: number,
): Promise<Figure[]> {
  const seen = new Map<Variant, number>()
  while (Date.now() - since < withinSeconds * 1000 && seen.size < VARIANTS.length) {
    const fresh = `lab_collected_timestamp_seconds{instance="${app.instances[0]}"} > ${since / 1000}`
    for (const { metric } of await prometheus.query(fresh)) {
      const variant = metric.variant as Variant
      if (!seen.has(variant)) seen.set(variant, (Date.now() - since) / 1000)
    }
    await lab.pause(0.15)
  }
  return [...seen].map(([variant, seconds]) => ({
    name: 'an app comes back, until its samples are there',
    variant,
    setting: '',
    unit: 's',
    values: [seconds],
  }))
}

/**
 * Of the neighbours of the app that exploded, how many have no fresh sample at the end; and how many had over time. By the age of what is shown, because
 * a scrape that breaks a limit in the middle leaves old values standing.
 */
async function blastOf(prometheus: LabPrometheus, from: number, { bystanders, intervalSeconds }: Parameters) {
  const end = Date.now() / 1000
  const age = 'time() - lab_collected_timestamp_seconds{instance=~"neighbour-.*"}'
  const fresh = `count by (variant) (${age} < ${5 * intervalSeconds})`
  const counts = await prometheus.queryRange(fresh, { start: from - 10, end, step: 1 })
  const expected = Math.floor(end - from) + 1
  const blast = VARIANTS.map((variant): Figure => {
    const last = counts.find(({ metric }) => metric.variant === variant)?.values.at(-1)
    const left = last && last[0] > end - 2 ? Number(last[1]) : 0
    const values = [(100 * (bystanders - left)) / bystanders]
    return {
      name: 'neighbours that lost data when one app exploded',
      variant,
      setting: '',
      unit: '%',
      values,
    }
  })
  const lines = VARIANTS.map((variant): Line => {
    const own = counts.find(({ metric }) => metric.variant === variant)
    const at = new Map(own?.values.map(([time, value]) => [Math.round(time - from), Number(value)]))
    const seconds = Array.from({ length: expected + 10 }, (_, i) => i - 10)
    return { variant, label: '', points: seconds.map(second => [second, at.get(second) ?? 0] as const) }
  })
  const plots: Observed['plots'] = [
    {
      kind: 'time',
      title: 'Neighbours with fresh samples, while one app explodes its cardinality',
      caption:
        'With one massive target the limit bites for all of them; with a target each, for the bad one alone.',
      x: 'seconds since the explosion',
      y: 'apps',
      lines,
      marks: [{ from: 0, label: 'explosion' }],
    },
  ]
  return { blast, plots }
}

/** Figures of several apps are so many values of one. */
function merged(figures: readonly Figure[]): Figure[] {
  const found = new Map<string, Figure>()
  for (const figure of figures) {
    const key = JSON.stringify([figure.name, figure.variant, figure.setting])
    const known = found.get(key)
    found.set(key, known ? { ...known, values: [...known.values, ...figure.values] } : figure)
  }
  return [...found.values()]
}
