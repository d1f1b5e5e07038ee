import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { workerArgs, workerPython, workerScript } from '../../../dev/demo/worker/worker.js'
import { Child } from '../../../dev/local/child.js'
import { createRunFolder, removeRunFolder } from '../../../dev/local/folders.js'
import { freePort } from '../../../dev/local/ports.js'
import { TextReader } from '../../../shared/metrics/text/reader.js'
import { seriesIn } from '../../agent/host/machine.js'
import { eventually } from '../../support/eventually.js'
import { orSkip } from '../../support/or-skip.js'

const python = await orSkip("Python's client library", workerPython)

describe.skipIf(python === null)('the demo worker in Python', () => {
  const folder = createRunFolder('worker')
  let child: Child | undefined

  afterEach(async () => {
    await child?.kill()
    removeRunFolder(folder)
  })

  test('exposes counters, gauges and a histogram, and stops when it is told to', async () => {
    const port = await freePort()
    child = await Child.start({
      name: 'worker',
      command: python!,
      args: [workerScript, ...workerArgs(port)],
      logFile: join(folder, 'worker.log'),
    })
    const reader = new TextReader('scrape')
    const series = await eventually(async () => {
      const page = await fetch(`http://127.0.0.1:${port}/metrics`)
      const exposition = reader.read(Buffer.from(await page.arrayBuffer()))
      const types = exposition.families
        .filter(({ name }) => name.startsWith('worker_') && !name.endsWith('_created'))
        .map(({ name, type }) => `${name} ${type}`)
      expect(types.sort()).toEqual([
        'worker_job_duration_seconds histogram',
        'worker_jobs_total counter',
        'worker_jobs_waiting gauge',
      ])
      const series = seriesIn(exposition)
      expect(series.get('worker_job_duration_seconds_count{queue="mail"}')).toBeGreaterThan(0)
      return series
    })
    expect(series.get('worker_jobs_total{queue="mail",result="error"}')).toBeDefined()
    expect(await child.stop('SIGTERM', 20_000)).toEqual({ code: 0, signal: null })
  })
})
