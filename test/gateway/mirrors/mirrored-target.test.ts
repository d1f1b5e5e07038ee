import { describe, expect, test } from 'vitest'
import { mirrorsProgress } from '../../../gateway/mirrors/mirror-progress.js'
import type { Mirrors } from '../../../gateway/mirrors/mirrors.js'
import { at, collect, MirrorLog, seriesIn } from './text.js'
import { writeRequest } from './write-request.js'

/** A whole scrape of a target with two series. */
const scrape = (x: number, y: number) => `
  x{l="1"} ${x}
  y ${y}
  up 1
  scrape_duration_seconds 0.01
  scrape_samples_scraped 2
  scrape_samples_post_metric_relabeling 2
  scrape_series_added 2`

describe('a snapshot for each up', () => {
  test('the first one waits for the second up, which tells the interval', () => {
    const log = new MirrorLog()
    expect(log.record(0, scrape(1, 2))).toEqual([])
    expect(log.record(15, scrape(3, 4))).toEqual([
      'snapshot 0 every 15s by count\nx{l="1"} 1\ny 2',
      'snapshot 15 every 15s by count\nx{l="1"} 3\ny 4',
    ])
    expect(log.record(30.2, scrape(5, 6), 30)).toEqual([
      'snapshot 30 every 15s by count\nx{l="1"} 5\ny 6',
    ])
  })

  test('a single scrape is published after two minutes, for an interval of a minute', () => {
    const log = new MirrorLog()
    log.record(0, scrape(1, 2))
    expect(log.advance(119)).toEqual([])
    expect(log.advance(120)).toEqual(['snapshot 0 every 60s by count\nx{l="1"} 1\ny 2'])
  })

  test('the interval is the shortest of the last five distances, in whole seconds', () => {
    const log = new MirrorLog()
    const times = [0, 10, 20, 35, 50.4, 65, 80, 95]
    const made = times.map(time => log.record(time, scrape(1, 1)).at(-1)?.split('\n')[0])
    expect(made).toEqual([
      undefined,
      'snapshot 10 every 10s by count',
      'snapshot 20 every 10s by count',
      'snapshot 35 every 10s by count',
      'snapshot 50.4 every 10s by count',
      'snapshot 65 every 10s by count',
      'snapshot 80 every 10s by count',
      'snapshot 95 every 15s by count',
    ])
  })

  test('it waits for as many samples as the scraper reports', () => {
    const log = started()
    expect(log.record(30, 'x{l="1"} 5\nup 1\nscrape_samples_post_metric_relabeling 2')).toEqual([])
    expect(log.record(33, 'y 6', 30)).toEqual(['snapshot 30 every 15s by count\nx{l="1"} 5\ny 6'])
  })

  test('samples that come before their up are part of its snapshot', () => {
    const log = started()
    expect(log.record(30, 'x{l="1"} 5')).toEqual([])
    expect(log.record(31, 'y 6\nscrape_samples_post_metric_relabeling 2', 30)).toEqual([])
    expect(log.record(32, 'up 1', 30)).toEqual(['snapshot 30 every 15s by count\nx{l="1"} 5\ny 6'])
  })

  test('what is late is one scrape old, with its time, and not lost', () => {
    const log = started()
    log.record(30, 'x{l="1"} 5\nup 1\nscrape_samples_post_metric_relabeling 2')
    expect(log.advance(39.9)).toEqual([])
    expect(log.advance(40)).toEqual(['snapshot 30 every 15s by timeout\nx{l="1"} 5\ny 4 @15'])
    expect(log.record(41, 'y 6', 30)).toEqual([])
    expect(log.figures.late).toBe(1)
    expect(log.record(45, 'x{l="1"} 7\nup 1\nscrape_samples_post_metric_relabeling 2')).toEqual([])
    expect(log.advance(60)).toEqual(['snapshot 45 every 15s by timeout\nx{l="1"} 7\ny 6 @30'])
  })

  test('several scrapes in one record have a snapshot each, with their own values', () => {
    const log = started()
    log.record(100, 'x{l="1"} 5 @30\nx{l="1"} 6 @45\nx{l="1"} 7 @60')
    expect(
      log.record(
        101,
        [30, 45, 60]
          .flatMap(t => [
            `up 1 @${t}`,
            `y ${t} @${t}`,
            `scrape_samples_post_metric_relabeling 2 @${t}`,
          ])
          .join('\n'),
      ),
    ).toEqual([
      'snapshot 30 every 15s by count\nx{l="1"} 5\ny 30',
      'snapshot 45 every 15s by count\nx{l="1"} 6\ny 45',
      'snapshot 60 every 15s by count\nx{l="1"} 7\ny 60',
    ])
  })

  test('a target of which not all is sent waits once, and then for what came before', () => {
    const log = started()
    const part = (x: number) => `x{l="1"} ${x}\nup 1\nscrape_samples_post_metric_relabeling 3`
    log.record(30, `y stale\n${part(5)}`)
    expect(log.advance(40)).toEqual(['snapshot 30 every 15s by timeout\nx{l="1"} 5'])
    expect(log.record(45, part(6))).toEqual(['snapshot 45 every 15s by settled\nx{l="1"} 6'])
  })

  test('values with times of their own keep them', () => {
    const log = started()
    expect(
      log.record(30, 'x{l="1"} 5 @12.5\ny 6\nup 1\nscrape_samples_post_metric_relabeling 2'),
    ).toEqual([])
    // 12.5 is not newer than 15.
    expect(log.figures.back).toBe(1)
    expect(
      log.record(45, 'x{l="1"} 5 @28\ny 6\nup 1\nscrape_samples_post_metric_relabeling 2'),
    ).toEqual([
      'snapshot 30 every 15s by timeout\nx{l="1"} 3 @15\ny 6',
      'snapshot 45 every 15s by count\nx{l="1"} 5 @28\ny 6',
    ])
  })

  test('a time of its own that is that of an earlier scrape is not taken to be late', () => {
    const log = started()
    const three = 'x{l="1"} 5\ny 6\nz 7 @15\nup 1\nscrape_samples_post_metric_relabeling 3'
    expect(log.record(30, three)).toEqual([
      'snapshot 30 every 15s by count\nx{l="1"} 5\ny 6\nz 7 @15',
    ])
    expect(log.figures.late).toBe(0)
  })

  test('native histograms are counted as part of the scrape, and not mirrored', () => {
    const log = started()
    expect(
      log.record(30, 'x{l="1"} 5\ny 6\nh native\nup 1\nscrape_samples_post_metric_relabeling 3'),
    ).toEqual(['snapshot 30 every 15s by count\nx{l="1"} 5\ny 6'])
    expect(log.figures.nativeHistograms).toBe(1)
  })
})

describe('leaving', () => {
  test('a series goes by its stale marker', () => {
    const log = started()
    expect(
      log.record(30, 'x{l="1"} 5\ny stale\nup 1\nscrape_samples_post_metric_relabeling 1'),
    ).toEqual(['snapshot 30 every 15s by count\nx{l="1"} 5'])
  })

  test('a series without a marker goes after the lookback, and not before', () => {
    const log = started()
    const only = 'x{l="1"} 5\nup 1\nscrape_samples_post_metric_relabeling 1'
    for (let time = 30; time <= 300; time += 15)
      expect(log.record(time, only)).toEqual([
        `snapshot ${time} every 15s by count\nx{l="1"} 5\ny 4 @15`,
      ])
    expect(log.record(315, only)).toEqual(['snapshot 315 every 15s by count\nx{l="1"} 5'])
  })

  test('up 0 is a failure, a stale marker for up is an end, and both may be followed by more', () => {
    const log = started()
    const reports = 'scrape_duration_seconds 10\nscrape_samples_post_metric_relabeling 0'
    expect(log.record(30, `x{l="1"} stale\ny stale\nup 0\n${reports}`)).toEqual([
      'failure 30 every 15s',
    ])
    expect(log.record(45, scrape(5, 6))).toEqual([
      'snapshot 45 every 15s by count\nx{l="1"} 5\ny 6',
    ])
    expect(log.record(60, 'x{l="1"} stale\ny stale\nup stale')).toEqual(['end 60 every 15s'])
    expect(log.record(75, scrape(7, 8))).toEqual([
      'snapshot 75 every 15s by count\nx{l="1"} 7\ny 8',
    ])
  })

  test('a target whose last scrape failed is listed as down, with a warning', () => {
    const log = started()
    const list = () => {
      const figures = { targets: 1 } as Mirrors['figures']
      const targets = () => [...log.partition.targets].map(target => ({ target, time: at(45) }))
      const mirrors = { partitions: 1, figures, lagSeconds: 0, lookbackMs: 300_000, targets }
      return [...mirrorsProgress(mirrors as unknown as Mirrors).list()]
    }
    expect(list().map(({ warnings }) => warnings)).toEqual([[]])
    log.record(30, 'x{l="1"} stale\ny stale\nup 0\nscrape_samples_post_metric_relabeling 0')
    expect(list().map(({ warnings }) => warnings)).toEqual([
      ['down: the last scrape by its sender failed'],
    ])
    log.record(45, scrape(5, 6))
    expect(list().map(({ warnings }) => warnings)).toEqual([[]])
  })

  test('a failure waits for the snapshots before it', () => {
    const log = started()
    log.record(30, 'x{l="1"} 5\nup 1\nscrape_samples_post_metric_relabeling 2')
    expect(log.record(35, 'up 0')).toEqual([])
    expect(log.advance(45)).toEqual([
      'snapshot 30 every 5s by timeout\nx{l="1"} 5\ny 4 @15',
      'failure 35 every 5s',
    ])
  })

  test('a target that is silent is dropped without an end', () => {
    const log = started()
    expect(log.advance(1000)).toEqual([])
    expect(log.dropped).toHaveLength(1)
    expect(log.partition.size).toBe(0)
    expect(log.figures).toMatchObject({ targets: 0, series: 0 })
    expect(log.budget.bytes).toBe(0)
  })
})

describe('targets without up', () => {
  test('get a snapshot at each multiple of the interval, and end when no series is left', () => {
    const log = new MirrorLog()
    const times = Array.from({ length: 16 }, (_, i) => 1 + 10 * i)
    const made = times.flatMap(time => log.record(time, `x ${time}`))
    expect(made).toEqual([
      'snapshot 135 every 15s by interval\nx 131 @131',
      'snapshot 150 every 15s by interval\nx 141 @141',
    ])
    expect(log.record(152, 'x stale')).toEqual([])
    expect(log.advance(200)).toEqual(['end 165 every 15s'])
    expect(log.advance(1000)).toEqual([])
    expect(log.partition.size).toBe(0)
  })

  test('a target whose up returns is a target with up again', () => {
    const log = new MirrorLog()
    for (let time = 1; time <= 150; time += 10) log.record(time, `x ${time}`)
    const whole = 'up 1\nx 1\nscrape_samples_post_metric_relabeling 1'
    expect(log.record(151, whole, 149)).toEqual(['snapshot 150 every 15s by interval\nx 141 @141'])
    expect(log.record(166, whole, 164)).toEqual(['snapshot 164 every 15s by count\nx 1'])
    expect(log.record(181, whole, 179)).toEqual(['snapshot 179 every 15s by count\nx 1'])
    expect(log.figures.back).toBe(0)
  })

  test('a target whose up no longer comes has none after the lookback', () => {
    const log = started()
    const made: string[] = []
    for (let time = 20; time <= 340; time += 10) made.push(...log.record(time, `x{l="1"} ${time}`))
    expect(made).toEqual([
      'snapshot 315 every 15s by interval\nx{l="1"} 310 @310',
      'snapshot 330 every 15s by interval\nx{l="1"} 320 @320',
    ])
  })
})

describe('series that the scraper adds', () => {
  test('those of an application with other labels are mirrored', () => {
    const log = new MirrorLog()
    const federated = `
      up{exported_job="b"} 0
      scrape_duration_seconds{exported_job="b"} 7
      up 1
      scrape_duration_seconds 0.1
      scrape_samples_post_metric_relabeling 2`
    log.record(0, federated)
    expect(log.record(15, federated).at(-1)).toBe(
      'snapshot 15 every 15s by count\nscrape_duration_seconds{exported_job="b"} 7\nup{exported_job="b"} 0',
    )
  })

  test('external labels of the sender do not make them others', () => {
    const log = new MirrorLog()
    const labelled =
      'up{region="eu"} 1\nx{region="eu"} 2\nscrape_samples_post_metric_relabeling{region="eu"} 1'
    log.record(0, labelled)
    expect(log.record(15, labelled).at(-1)).toBe('snapshot 15 every 15s by count\nx{region="eu"} 2')
  })

  test('those of the extra scrape metrics and of vmagent are taken out', () => {
    const log = new MirrorLog()
    const all = [
      'up 1',
      'x 1',
      ...[
        'scrape_timeout_seconds',
        'scrape_sample_limit',
        'scrape_body_size_bytes',
        'scrape_response_size_bytes',
        'scrape_samples_limit',
        'scrape_labels_limit',
        'scrape_series_current',
        'scrape_series_limit',
        'scrape_series_limit_samples_dropped',
      ].map(name => `${name} 5`),
      'scrape_samples_post_metric_relabeling 1',
    ].join('\n')
    log.record(0, all)
    expect(log.record(15, all).at(-1)).toBe('snapshot 15 every 15s by count\nx 1')
  })
})

describe('times that go back', () => {
  test('are counted and change nothing', () => {
    const log = started()
    log.record(30, scrape(5, 6))
    expect(log.record(31, scrape(1, 1), 22)).toEqual([])
    // Two series, up and two reports; the other three have no times of their own to compare.
    expect(log.figures.back).toBeGreaterThanOrEqual(3)
    expect(log.record(45, scrape(7, 8))).toEqual([
      'snapshot 45 every 15s by count\nx{l="1"} 7\ny 8',
    ])
  })

  test('a request that is sent twice is repeated', () => {
    const log = started()
    log.record(30, scrape(5, 6))
    expect(log.record(31, scrape(5, 6), 30)).toEqual([])
    expect(log.figures.repeated).toBe(7)
    expect(log.figures.back).toBe(0)
  })
})

describe('memory', () => {
  test('new targets and series are refused over the budget, existing ones go on', () => {
    const log = new MirrorLog({}, 12_500)
    log.record(0, scrape(1, 2))
    expect(log.budget.bytes).toBeGreaterThan(8_000)
    log.record(1, scrape(1, 2), 1, 'instance="2",job="a"')
    expect(log.figures.refused.memory).toBe(7)
    const many = Array.from({ length: 20 }, (_, i) => `z{i="${i}"} 1`).join('\n')
    log.record(15, `${scrape(3, 4)}\n${many}`)
    expect(log.figures.refused.memory).toBeGreaterThan(20)
    expect(log.figures.targets).toBe(1)
    expect(log.record(30, scrape(5, 6)).at(-1)).toContain('x{l="1"} 5\ny 6')
  })

  test('a key that is not of a target is refused', () => {
    const log = new MirrorLog()
    const request = writeRequest(seriesIn('x 1', 0))
    for (const key of [null, Buffer.from('instance\0a\0'), Buffer.from('job\0a'), Buffer.from('x')])
      collect(log.partition.apply({ offset: 0, time: at(0), key, request }))
    expect(log.figures.refused.key).toBe(4)
    expect(log.partition.size).toBe(0)
  })

  test('a record that cannot be read is counted', () => {
    const log = new MirrorLog()
    const key = Buffer.from('job\0a\0')
    collect(log.partition.apply({ offset: 0, time: at(0), key, request: undefined }))
    expect(log.figures.refused.record).toBe(1)
  })
})

/** A log with two scrapes, at 0 and 15. */
function started(): MirrorLog {
  const log = new MirrorLog()
  log.record(0, scrape(1, 2))
  log.record(15, scrape(3, 4))
  return log
}
