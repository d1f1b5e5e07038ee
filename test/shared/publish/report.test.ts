import { expect, test } from 'vitest'
import { Report } from '../../../shared/publish/report.js'
import { recordingLogger } from '../../support/kafka.js'

const minute = 60_000

test('a failure is logged at most once a minute, and recovery once', () => {
  const logger = recordingLogger()
  const report = new Report(logger)
  for (let mono = 0; mono <= minute; mono += 1000)
    report.sendFailed(new Error('nobody there'), mono)
  report.acknowledged(7)
  report.acknowledged(7)
  expect(logger.lines).toEqual([
    'warn cannot publish metrics: nobody there',
    'warn cannot publish metrics: nobody there',
    'info publishing again',
  ])
})

test('a failure after recovery is logged at once', () => {
  const logger = recordingLogger()
  const report = new Report(logger)
  report.sendFailed(new Error('away'), 0)
  report.acknowledged(1)
  report.sendFailed(new Error('away again'), 1000)
  expect(logger.lines.at(-1)).toBe('warn cannot publish metrics: away again')
})

test('a send failure does not suppress the warning of a failed collection', () => {
  const logger = recordingLogger()
  const report = new Report(logger)
  report.sendFailed(new Error('away'), 0)
  report.collectionFailed(new Error('no'), 1)
  report.sourcesFailed([{ source: 'queue', kind: 'failed', message: 'no' }], 1)
  expect(logger.lines.slice(1)).toEqual([
    'warn cannot collect metrics: no',
    'warn cannot collect all metrics: no (queue)',
  ])
})

test('a failure of a source is logged at most once in half a minute, by source and kind', () => {
  const logger = recordingLogger()
  const report = new Report(logger)
  const failures = [
    { source: 'registry', kind: 'failed', metric: 'a', message: 'no' },
    { source: 'registry', kind: 'failed', metric: 'b', message: 'no' },
    { source: 'registry', kind: 'timeout', metric: 'c', message: 'late' },
    { source: 'queue', kind: 'failed', message: 'gone' },
  ]
  for (let mono = 0; mono < 60_000; mono += 1000) report.sourcesFailed(failures, mono)
  const lines = [
    'warn cannot collect all metrics: no (metric "a" of registry, and 1 more)',
    'warn cannot collect all metrics: late (metric "c" of registry)',
    'warn cannot collect all metrics: gone (queue)',
  ]
  expect(logger.lines).toEqual([...lines, ...lines])
})

test('a dropped metric is logged once, not with every layout', () => {
  const logger = recordingLogger()
  const report = new Report(logger)
  report.dropped(new Map([['a', 'why']]))
  report.dropped(new Map([['a', 'why']]))
  report.dropped(
    new Map([
      ['a', 'why'],
      ['b', 'because'],
    ]),
  )
  expect(logger.lines).toEqual([
    'warn metric "a" is not published in full: why',
    'warn metric "b" is not published in full: because',
  ])
})

test('of many dropped metrics ten are logged by name, and the number of the others', () => {
  const logger = recordingLogger()
  new Report(logger).dropped(new Map(Array.from({ length: 5000 }, (_, i) => [`m${i}`, 'why'])))
  expect(logger.lines).toHaveLength(11)
  expect(logger.lines.at(-1)).toBe('warn 4990 more metrics are not published in full')
})
