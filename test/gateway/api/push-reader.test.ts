import { describe, expect, test } from 'vitest'
import { PushReader } from '../../../gateway/api/push-reader.js'
import { PushReaders } from '../../../gateway/api/push-readers.js'
import { InconsistentPush, RefusedPush } from '../../../gateway/api/refused-push.js'
import type { PushedFamily } from '../../../gateway/state/types.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import type { Label } from '../../../shared/metrics/model.js'

const OPTIONS = { limits: DEFAULT_LIMITS, utf8Names: true }
const JOB: readonly Label[] = [{ name: 'job', value: 'z' }]

const read = (page: string, grouping: readonly Label[] | null = JOB, options = OPTIONS) =>
  new PushReader(grouping, 'text', options).read(Buffer.from(page))

/** One line for each sample, after a line for its family. */
const shown = (families: readonly PushedFamily[]) =>
  families.flatMap(({ name, type, help, series, values }) => [
    `${name} ${type} ${help}`.trim(),
    ...Buffer.from(series, 'latin1')
      .toString()
      .split('\n')
      .slice(0, -1)
      .map((text, i) => `${text} ${values[i]}`),
  ])

describe('the families of a push', () => {
  test('the grouping labels replace those of the series, and instance is added where it is missing', async () => {
    const grouping = [
      { name: 'a', value: 'from "path"' },
      { name: 'job', value: 'z' },
    ]
    const page = 'x{job="other",instance="q",b="2",a="1"} 1\nx{z="1"} 2\n'
    expect(shown(await read(page, grouping))).toEqual([
      'x unknown',
      'x{a="from \\"path\\"",b="2",instance="q",job="z"} 1',
      'x{a="from \\"path\\"",instance="",job="z",z="1"} 2',
    ])
  })

  test('an instance of the grouping key replaces that of the series', async () => {
    const grouping = [
      { name: 'instance', value: 'i' },
      { name: 'job', value: 'z' },
    ]
    expect(shown(await read('x{instance="q"} 1\n', grouping))).toEqual([
      'x unknown',
      'x{instance="i",job="z"} 1',
    ])
  })

  test('a histogram gets the missing bucket +Inf from its count, and a sum and a count of 0', async () => {
    const page = [
      '# TYPE h histogram',
      'h_bucket{a="1",le="1.0"} 1',
      'h_count{a="2"} 3',
      'h_sum{a="3"} 2',
      '',
    ].join('\n')
    expect(shown(await read(page))).toEqual([
      'h histogram',
      'h_bucket{a="1",instance="",job="z",le="1"} 1',
      'h_bucket{a="1",instance="",job="z",le="+Inf"} 0',
      'h_sum{a="1",instance="",job="z"} 0',
      'h_count{a="1",instance="",job="z"} 0',
      'h_bucket{a="2",instance="",job="z",le="+Inf"} 3',
      'h_sum{a="2",instance="",job="z"} 0',
      'h_count{a="2",instance="",job="z"} 3',
      'h_bucket{a="3",instance="",job="z",le="+Inf"} 0',
      'h_sum{a="3",instance="",job="z"} 2',
      'h_count{a="3",instance="",job="z"} 0',
    ])
  })

  test('a bucket that occurs twice is exposed once, whatever the spelling of its bound', async () => {
    const page = '# TYPE h histogram\nh_bucket{le="1.0"} 1\nh_bucket{le="1"} 2\nh_count 2\n'
    expect(shown(await read(page))).toContain('h_bucket{instance="",job="z",le="1"} 1')
    expect(shown(await read(page))).not.toContain('h_bucket{instance="",job="z",le="1"} 2')
  })

  test('a summary gets a sum and a count', async () => {
    expect(shown(await read('# TYPE s summary\ns{quantile="0.5"} 7\n'))).toEqual([
      's summary',
      's{instance="",job="z",quantile="0.5"} 7',
      's_sum{instance="",job="z"} 0',
      's_count{instance="",job="z"} 0',
    ])
  })

  test('names outside the legacy character set are quoted, in the order of their bytes', async () => {
    expect(shown(await read('{"my.ä","l.l"="ö",a="1"} 1\n'))).toEqual([
      'my.ä unknown',
      '{"my.ä",a="1",instance="",job="z","l.l"="ö"} 1',
    ])
  })

  test('the times of pushes are left out of a push, also with another type', async () => {
    const page = '# TYPE push_time_seconds counter\npush_time_seconds 5\nx 1\n'
    expect(shown(await read(page))).toEqual(['x unknown', 'x{instance="",job="z"} 1'])
  })

  test('ingested series keep their labels and get none', async () => {
    const page = '# TYPE h histogram\nh_bucket{le="1"} 1\nx{job="a"} 2\ny 3\n'
    expect(shown(await read(page, null))).toEqual([
      'h histogram',
      'h_bucket{le="1"} 1',
      'x unknown',
      'x{job="a"} 2',
      'y unknown',
      'y 3',
    ])
  })

  test('a timestamp refuses the push as inconsistent', async () => {
    await expect(read('x 1\ny 1 1000\n')).rejects.toThrow(InconsistentPush)
  })

  test('a label that begins with two underscores refuses the push as inconsistent', async () => {
    await expect(read('x{__a="1"} 1\n')).rejects.toThrow(/invalid name: __a/)
  })

  test('without UTF-8 names the names of metrics and labels have the legacy character set', async () => {
    const legacy = { ...OPTIONS, utf8Names: false }
    await expect(read('{"my.metric"} 1\n', JOB, legacy)).rejects.toThrow(RefusedPush)
    await expect(read('x{"my.label"="1"} 1\n', JOB, legacy)).rejects.toThrow(RefusedPush)
    await expect(read('x{a="1"} 1\n', JOB, legacy)).resolves.toHaveLength(1)
  })

  test('a body that is pushed again with other values has the same series', async () => {
    const reader = new PushReader(JOB, 'text', OPTIONS)
    const page = (n: number) =>
      Buffer.from(`# TYPE h histogram\nh_bucket{le="1"} ${n}\nh_sum ${n}\nx ${n}\n`)
    const first = await reader.read(page(1))
    const second = await reader.read(page(2))
    expect(shown(second)).toEqual(shown(first).map(line => line.replace(/ 1$/, ' 2')))
    for (const [i, family] of second.entries()) expect(family.series).toBe(first[i].series)
  })
})

describe('readers by push group', () => {
  test('take no more memory than allowed, and read what was dropped again', async () => {
    const readers = new PushReaders(OPTIONS, 10_000)
    const body = Buffer.from('x 1\n')
    for (let i = 0; i < 100; i++) {
      const grouping = [{ name: 'job', value: `job-${i}` }]
      const [family] = await readers.read(`${i}`, grouping, 'text', body)
      expect(family.series).toBe(`x{instance="",job="job-${i}"}\n`)
      expect(readers.bytes).toBeLessThanOrEqual(10_000)
    }
    expect(readers.bytes).toBeGreaterThan(0)
  })
})
