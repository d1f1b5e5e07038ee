import { expect, test } from 'vitest'
import { Report } from '../../../shared/publish/report.js'
import { keepingLogger } from '../../support/kafka.js'

const minute = 60_000

test('the same trouble is told once a minute, and its end', () => {
  const logger = keepingLogger()
  const report = new Report(logger)
  for (let mono = 0; mono <= minute; mono += 1000) report.sendFailed(new Error('nobody there'), mono)
  report.sent(7)
  report.sent(7)
  expect(logger.lines).toEqual([
    'warn cannot publish metrics: nobody there',
    'warn cannot publish metrics: nobody there',
    'info publishing again',
  ])
})

test('trouble that comes back after its end is told at once', () => {
  const logger = keepingLogger()
  const report = new Report(logger)
  report.sendFailed(new Error('away'), 0)
  report.sent(1)
  report.sendFailed(new Error('away again'), 1000)
  expect(logger.lines.at(-1)).toBe('warn cannot publish metrics: away again')
})

test('trouble with sending does not hide trouble with collecting', () => {
  const logger = keepingLogger()
  const report = new Report(logger)
  report.sendFailed(new Error('away'), 0)
  report.collectFailed('failed', new Error('no'), 1)
  report.collectFailed('incomplete', new Error('no'), 1)
  expect(logger.lines.slice(1)).toEqual([
    'warn cannot collect metrics: no',
    'warn cannot collect all metrics: no',
  ])
})

test('a metric that is left out is named when that is new, not with every layout', () => {
  const logger = keepingLogger()
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

test('of very many metrics ten are named, and how many more there are', () => {
  const logger = keepingLogger()
  new Report(logger).dropped(new Map(Array.from({ length: 5000 }, (_, i) => [`m${i}`, 'why'])))
  expect(logger.lines).toHaveLength(11)
  expect(logger.lines.at(-1)).toBe('warn 4990 more metrics are not published in full')
})
