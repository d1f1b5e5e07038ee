import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COLLECTOR_DEFAULTS, COLLECTOR_NAMES, createHost } from '../../agent/host/host.js'
import type { HttpPart } from '../../dev/local/http-part.js'
import { startNodeExporter } from '../../dev/local/node-exporter.js'
import type { Exposition } from '../../shared/metrics/model.js'
import { TextReader } from '../../shared/metrics/text/reader.js'
import { seriesIn } from '../agent/host/machine.js'
import { eventually } from '../support/eventually.js'
import { partOrSkip } from '../support/or-skip.js'

const binary = process.platform === 'linux' ? await partOrSkip('node-exporter') : null

/** Metadata by name, without families that only one of both has. */
const described = ({ families }: Exposition) =>
  new Map(
    families
      .filter(({ name }) => !name.endsWith('_build_info'))
      .map(({ name, type, help, unit }) => [name, { type, help, unit }]),
  )

/** node_exporter 1.11 shows 0 for disks whose other settings it cannot read; 1.12 does not. */
const withoutFaults = (series: string) => series.replace(/rotational="."/, 'rotational="?"')

/** Values by series, without those that only one of both has. */
const samplesOf = (exposition: Exposition) =>
  new Map(
    Array.from(
      seriesIn(exposition),
      ([series, value]) => [withoutFaults(series), value] as const,
    ).filter(([series]) => !series.includes('_build_info')),
  )

describe.skipIf(binary === null)('host metrics beside a real node_exporter', () => {
  const host = createHost({ collectors: COLLECTOR_DEFAULTS })
  const reader = new TextReader('scrape')
  let exporter: HttpPart

  beforeAll(async () => {
    exporter = await startNodeExporter(COLLECTOR_NAMES)
  })
  afterAll(() => exporter?.stop())

  const scrape = async () => {
    const response = await fetch(`${exporter.url}/metrics`)
    return reader.read(Buffer.from(await response.arrayBuffer()))
  }

  test('have the same families with the same types and help texts', async () => {
    await eventually(async () => {
      const [ours, theirs] = [await host.collect(5000), await scrape()]
      expect(described(ours)).toEqual(described(theirs))
    })
  })

  test('have the same series', async () => {
    await eventually(async () => {
      const [ours, theirs] = [await host.collect(5000), await scrape()]
      expect([...samplesOf(ours).keys()].sort()).toEqual([...samplesOf(theirs).keys()].sort())
    })
  })

  test('have its values: counters are between those before and after, gauges near them', async () => {
    await eventually(async () => {
      const [before, theirs, after] = [
        await host.collect(5000),
        await scrape(),
        await host.collect(5000),
      ]
      const [low, high] = [before, after].map(samplesOf)
      const types = described(theirs)
      const memory = low.get('node_memory_MemTotal_bytes')!
      const wrong = Array.from(samplesOf(theirs), ([series, value]) => {
        const name = series.replace(/\{.*/, '')
        const [a, b] = [low.get(series)!, high.get(series)!]
        const tolerance = toleranceOf(name, types.get(name)?.type ?? '', memory)
        const right = value >= Math.min(a, b) - tolerance && value <= Math.max(a, b) + tolerance
        return right ? [] : [`${series} is ${value}, expected ${a} to ${b}`]
      })
      expect(wrong.flat()).toEqual([])
    })
  })
})

/** How far a value may be outside of those before and after it. Rounding makes a few bits. */
function toleranceOf(name: string, type: string, memory: number): number {
  if (name === 'node_scrape_collector_duration_seconds') return 10
  // 1.11 joins the options of a mount without commas, and so misses `ro` among several.
  if (name === 'node_filesystem_readonly') return 1
  if (type === 'counter' || type === 'unknown' || name === 'node_time_seconds') return 1e-6
  // Pages move between lists at any time, and the size of the filesystem is not that of memory.
  if (name.startsWith('node_memory_') && !name.includes('Total')) return memory / 20
  if (/^node_filesystem_(avail|free)_bytes$/.test(name)) return 1e9
  if (name === 'node_filesystem_files_free') return 1e5
  if (/^node_(load|procs_|disk_io_now)/.test(name)) return 20
  return 0
}
