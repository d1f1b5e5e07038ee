import type { Bench } from '../bench/pipeline.js'
import { type Row, spread } from '../bench/table.js'
import { seconds, until, World } from './world.js'

/**
 * Measures the time from the death of an app to the first scrape with `up` 0, in intervals of the
 * app.
 */
export async function appDeaths(bench: Bench, runs = 10): Promise<Row[]> {
  const rows: Row[] = []
  for (const intervalMs of [1000, 5000]) {
    const world = await World.start(bench)
    try {
      await world.shard()
      const prometheus = await world.prometheus('1s')
      const figures = await Promise.all(
        Array.from({ length: runs }, async (_, i) => {
          const app = world.app({ labels: { job: 'dying', instance: `${i}` }, intervalMs })
          await until(async () => (await prometheus.query(`up{${app.selector}} == 1`)).length > 0)
          // Spread the deaths over all phases of the interval.
          await seconds(2 + (i / runs) * (intervalMs / 1000))
          app.die()
          const died = Date.now() / 1000
          let down = Number.NaN
          await until(async () => {
            const [series] = await prometheus.queryRange(`up{${app.selector}} == 0`, {
              start: died,
              end: Date.now() / 1000 + 1,
              step: 0.1,
            })
            down = series?.values[0]?.[0] ?? Number.NaN
            return !Number.isNaN(down)
          })
          return (down - died) / (intervalMs / 1000)
        }),
      )
      rows.push({
        work: `from the death of an app until up is 0, publishing and scraped every ${intervalMs / 1000} s`,
        figure: `${spread(figures)} intervals`,
        goal: '1.5–3.5',
        note: `${runs} apps that stop at all phases of the interval, as after SIGKILL`,
      })
    } finally {
      await world.stop()
    }
  }
  return rows
}

/** Measures the time from SIGKILL of a shard until the other shard serves all of its targets. */
export async function shardDeaths(bench: Bench, runs = 10): Promise<Row[]> {
  const rows: Row[] = []
  for (const session of ['6s', '20s']) {
    const world = await World.start(bench)
    const figures: number[] = []
    try {
      const flags = [`--kafka.session-timeout=${session}`]
      for (let i = 0; i < 2; i++) await world.shard(flags)
      const apps = Array.from({ length: 12 }, (_, i) =>
        world.app({ labels: { job: 'moving', instance: `${i}` }, intervalMs: 5000 }),
      )
      for (let run = 0; run < runs; run++) {
        await until(async () => {
          const owners = await Promise.all(
            world.shards.map(async shard => owned(await shard.get('/sd?scope=shard'))),
          )
          return owners.every(n => n > 0) && owners.reduce((a, b) => a + b, 0) === apps.length
        })
        const [victim] = world.shards.splice(0, 1)
        victim.signal('SIGKILL')
        const killed = performance.now()
        world.updateBalancer()
        const [survivor] = world.shards
        await Promise.all(
          apps.map(app =>
            until(async () => {
              const response = await fetch(
                `${survivor.url}/target?${new URLSearchParams(app.labels)}`,
                {
                  redirect: 'manual',
                },
              )
              await response.arrayBuffer()
              return response.status === 200
            }),
          ),
        )
        figures.push((performance.now() - killed) / 1000)
        await world.shard(flags)
      }
      rows.push({
        work: `from SIGKILL of a shard until all of its targets are served, session timeout ${session}`,
        figure: `${spread(figures)} s`,
        note: `median and range of ${runs} runs; 12 targets on two shards`,
      })
    } finally {
      await world.stop()
    }
  }
  return rows
}

const owned = (sd: string) => (sd.match(/"targets"/g) ?? []).length

/** Counts failed scrapes while shards are restarted one after the other. */
export async function rollingRestarts(
  bench: Bench,
  minutes = Number(process.env.MINUTES ?? 10),
): Promise<Row[]> {
  const world = await World.start(bench)
  try {
    for (let i = 0; i < 2; i++) await world.shard()
    const apps = Array.from({ length: 12 }, (_, i) =>
      world.app({ labels: { job: 'rolling', instance: `${i}` }, intervalMs: 5000 }),
    )
    const prometheus = await world.prometheus('5s')
    await until(
      async () => (await prometheus.query('up{job="rolling"} == 1')).length === apps.length,
    )
    const start = Date.now()
    let restarts = 0
    const errors = new Map<string, number>()
    const seen = new Set<string>()
    const watching = setInterval(async () => {
      for (const { labels, lastError, lastScrape } of await prometheus.targets().catch(() => [])) {
        const scrape = `${labels.instance} ${lastScrape}`
        if (!lastError || seen.has(scrape)) continue
        seen.add(scrape)
        const error = lastError.replace(/http\S+|127\.0\.0\.1:\d+/g, '…')
        errors.set(error, (errors.get(error) ?? 0) + 1)
      }
    }, 500)
    while (Date.now() - start < minutes * 60_000) {
      const [oldest] = world.shards.splice(0, 1)
      // The load balancer is updated last.
      await oldest.stop()
      await world.shard()
      restarts++
      await seconds(5)
    }
    clearInterval(watching)
    const window = `${Math.ceil((Date.now() - start) / 1000)}s`
    const value = async (promql: string) =>
      Number((await prometheus.query(promql))[0]?.value[1] ?? 0)
    const scrapes = await value(`sum(count_over_time(up{job="rolling"}[${window}]))`)
    const failed = scrapes - (await value(`sum(sum_over_time(up{job="rolling"}[${window}]))`))
    const slowest = await value(
      `max(max_over_time(scrape_duration_seconds{job="rolling"}[${window}]))`,
    )
    return [
      {
        work: `false up 0 in ${minutes} minutes of rolling restarts`,
        figure: `${failed} of ${scrapes} scrapes`,
        goal: '0',
        note: `${restarts} planned restarts of two shards, 12 targets every 5 s; slowest scrape ${slowest.toFixed(1)} s${[...errors].map(([error, count]) => `; ${count} × ${error}`).join('')}`,
      },
    ]
  } finally {
    await world.stop()
  }
}

/**
 * Counts failed scrapes after pauses of a shard. The shard is suspended (SIGSTOP) for longer than
 * the staleness window while the apps publish, and then drains the backlog. One app dies in each
 * pause and has to be found stale.
 */
export async function pausedAndDrained(bench: Bench, minutes = 10): Promise<Row[]> {
  const world = await World.start(bench)
  try {
    const shard = await world.shard(['--kafka.session-timeout=60s'])
    const labelsOf = (instance: string) => ({ job: 'paused', instance })
    const status = async (labels: Record<string, string>) => {
      const response = await fetch(`${shard.url}/target?${new URLSearchParams(labels)}`)
      await response.arrayBuffer()
      return response.status
    }
    const apps = Array.from({ length: 12 }, (_, i) =>
      world.app({ labels: labelsOf(`${i}`), intervalMs: 2000 }),
    )
    for (const app of apps) await until(async () => (await status(app.labels)) === 200)
    let pauses = 0
    let scrapes = 0
    let failed = 0
    let found = 0
    for (const end = Date.now() + minutes * 60_000; Date.now() < end; pauses++) {
      const doomed = world.app({ labels: labelsOf(`doomed-${pauses}`), intervalMs: 2000 })
      await until(async () => (await status(doomed.labels)) === 200)
      shard.signal('SIGSTOP')
      await seconds(1)
      doomed.die()
      await seconds(14)
      shard.signal('SIGCONT')
      let dead = false
      for (let scrape = 0; scrape < 40; scrape++) {
        const codes = await Promise.all(apps.map(app => status(app.labels)))
        scrapes += codes.length
        failed += codes.filter(code => code !== 200).length
        dead ||= (await status(doomed.labels)) === 503
        await seconds(0.2)
      }
      if (dead) found++
    }
    return [
      {
        work: `failed scrapes after pauses of a shard, ${minutes} minutes`,
        figure: `${failed} of ${scrapes} scrapes`,
        goal: '0',
        note: `${pauses} pauses of 15 s, 12 targets every 2 s; ${found} of ${pauses} apps that died in a pause were stale within 8 s`,
      },
    ]
  } finally {
    await world.stop()
  }
}
