import { describe, expect, test } from 'vitest'
import type { Experiment } from '../../lab/experiment.js'
import { asynchrony } from '../../lab/experiments/asynchrony.js'
import { discovery } from '../../lab/experiments/discovery.js'
import { load } from '../../lab/experiments/load.js'
import { outage } from '../../lab/experiments/outage.js'
import { replicas } from '../../lab/experiments/replicas.js'
import { scale } from '../../lab/experiments/scale.js'
import type { Figure, Variant } from '../../lab/types.js'

type FigureTuple = readonly [name: string, variant: Variant, value: number | null, setting?: string]

const toFigures = (tuples: readonly FigureTuple[]): Figure[] =>
  tuples.map(([name, variant, value, setting = '']) => ({
    name,
    variant,
    setting,
    unit: '',
    values: value === null ? [] : [value],
  }))

/** Whether each claim holds for the figures, with the parameters of the short edition. */
const judge = (experiment: Experiment<never>, tuples: readonly FigureTuple[]) =>
  experiment
    .judge({ figures: toFigures(tuples), plots: [], notMeasured: [] }, experiment.short as never)
    .map(({ holds }) => holds)

describe('each verdict is confirmed, refuted or inconclusive, depending on the figures', () => {
  test('outage', () => {
    const figures = (
      naive: number,
      exposer: number,
      growth: number,
      recovery: number,
    ): FigureTuple[] => [
      ['send buffer at the end of the outage', 'naive', naive],
      ['send buffer at the end of the outage', 'kafka-exposer', 0.01],
      ['growth rate of the send buffer during outages', 'naive', growth],
      ['heap growth at the end of the outage', 'naive', naive],
      ['heap growth at the end of the outage', 'kafka-exposer', exposer],
      ['time until new samples are queryable', 'kafka-exposer', recovery],
      ['time until new samples are queryable', 'naive', recovery],
    ]
    expect(judge(outage as never, figures(12, 0.3, 9, 3))).toEqual([true, true, true])
    expect(judge(outage as never, figures(0.02, 7, 0, 50))).toEqual([false, false, false])
    expect(judge(outage as never, [])).toEqual([null, null, null])
  })

  test('asynchrony', () => {
    const settings = [
      'uniform delay 0–8 s, constant counter',
      'heavy-tailed delay up to 8 s, constant counter',
    ]
    const figures = (
      naive: number,
      bias: number,
      exposer: number,
      visible: number,
      sent: { bias: number; late: number; after: number },
    ): FigureTuple[] =>
      settings.flatMap((setting): FigureTuple[] => [
        ['rate() error over 30s, live, p99', 'naive', naive, setting],
        ['rate() error over 30s, live, p99', 'kafka-exposer', exposer, setting],
        ['rate() error over 30s, live, p99', 'direct', 0.01, setting],
        ['rate() bias over 30s, live, median', 'naive with timestamps', bias, setting],
        ['series of a killed app are still queryable', 'naive with timestamps', visible],
        ['series of a killed app are still queryable', 'kafka-exposer', 15],
        ['series of a killed app are still queryable', 'direct', 5],
        ['rate() error over 30s, live with an offset, p99', 'remote write', sent.late, setting],
        ['rate() error over 30s, live with an offset, p99', 'naive', naive, setting],
        ['rate() bias over 30s, live, median', 'remote write', sent.bias, setting],
        ['time until a change is queryable', 'remote write', sent.after, setting],
        ['time until a change is queryable', 'kafka-exposer', 16, setting],
        ['series of a killed app are still queryable', 'remote write', 20],
      ])
    const expected = { bias: -19, late: 0.005, after: 9 }
    const refuting = { bias: -1, late: 0.2, after: 17 }
    expect(judge(asynchrony as never, figures(40, -20, 0.1, 300, expected))).toEqual(
      Array(8).fill(true),
    )
    expect(judge(asynchrony as never, figures(2, -1, 1.5, 10, refuting))).toEqual(
      Array(8).fill(false),
    )
    expect(judge(asynchrony as never, [])).toEqual(Array(8).fill(null))
  })

  test('discovery', () => {
    const affected = 'healthy apps without fresh samples after the cardinality explosion'
    const figures = (
      untilDown: { naive: number | null; exposer: number | null },
      percent: { naive: number; exposer: number },
    ): FigureTuple[] => [
      ['time until up is 0, app killed', 'naive', untilDown.naive],
      ['time until up is 0, app killed', 'kafka-exposer', untilDown.exposer],
      ['time until up is 0, app killed', 'direct', 2],
      [affected, 'naive', percent.naive],
      [affected, 'kafka-exposer', percent.exposer],
      [affected, 'direct', 0],
    ]
    const verdicts = (...args: Parameters<typeof figures>) =>
      judge(discovery as never, figures(...args))
    expect(verdicts({ naive: null, exposer: 5 }, { naive: 100, exposer: 0 })).toEqual([
      true,
      true,
      true,
    ])
    expect(verdicts({ naive: 3, exposer: 20 }, { naive: 100, exposer: 50 })).toEqual([
      false,
      false,
      false,
    ])
    expect(verdicts({ naive: 3, exposer: null }, { naive: 0, exposer: 0 })).toEqual([
      false,
      false,
      false,
    ])
  })

  test('replicas', () => {
    const figures = (
      drained: number,
      exposer: number,
      all: number,
      difference: number,
      sent: { identical: number; filled: number },
    ): FigureTuple[] => [
      ['samples stored by the replica with fewer samples', 'naive with timestamps', drained],
      ['samples stored by the replica with fewer samples', 'kafka-exposer', exposer],
      [
        'samples stored by the replica with fewer samples',
        'kafka-exposer',
        all,
        'massive target, view=all',
      ],
      ['samples stored by the replica with fewer samples', 'direct', 100],
      ['difference of rate() between the replicas, p99', 'kafka-exposer', difference],
      ['difference of rate() between the replicas, p99', 'naive', 100],
      ['difference of rate() between the replicas, p99', 'direct', 0],
      ['samples with the same time and value at both replicas', 'remote write', sent.identical],
      ['samples with the same time and value at both replicas', 'kafka-exposer', 0],
      ['samples of its outage that a replica has afterwards', 'remote write', sent.filled],
      ['samples of its outage that a replica has afterwards', 'kafka-exposer', 5],
      ['samples of its outage that a replica has afterwards', 'direct', 0],
    ]
    const complete = { identical: 100, filled: 100 }
    expect(judge(replicas as never, figures(50, 99, 100, 0.1, complete))).toEqual(
      Array(5).fill(true),
    )
    const different = { identical: 99.9, filled: 90 }
    expect(judge(replicas as never, figures(99, 90, 100, 30, different))).toEqual(
      Array(5).fill(false),
    )
    expect(judge(replicas as never, [])).toEqual(Array(5).fill(null))
  })

  test('scale', () => {
    const massive = (series: string, seconds: number): FigureTuple => [
      'scrape duration, max',
      'kafka-exposer',
      seconds,
      `${series} series, massive target`,
    ]
    const virtual = (series: string, seconds: number, failed: number): FigureTuple[] => {
      const setting = `${series} series, virtual targets`
      return [
        ['scrape duration, max', 'kafka-exposer', 2 * seconds, setting],
        ['scrape duration, p50', 'kafka-exposer', seconds, setting],
        ['failed scrapes', 'kafka-exposer', failed, setting],
        ['scraped samples, of those expected', 'kafka-exposer', 100 - failed, setting],
      ]
    }
    const figures = (
      massiveSeconds: number,
      virtualSeconds: number,
      failed: number,
      stored: number,
    ): FigureTuple[] => [
      ['stored samples, of those expected', 'remote write', stored, '100 k series'],
      massive('10 k', 0.03),
      massive('100 k', massiveSeconds),
      ...virtual('10 k', 0.004, 0),
      ...virtual('100 k', virtualSeconds, failed),
    ]
    expect(judge(scale as never, figures(0.3, 0.005, 0, 100))).toEqual(Array(4).fill(true))
    expect(judge(scale as never, figures(0.04, 0.9, 4, 90))).toEqual(Array(4).fill(false))
    expect(judge(scale as never, [massive('100 k', 0.3)])).toEqual([null, null, false, false])
  })

  test('load', () => {
    const setting = '640 apps, 160 k/s'
    const figures = (
      throughput: number,
      exposer: number,
      p99: number,
      sent: { p50: number; cost: number },
    ): FigureTuple[] => [
      ['samples per second that arrived', 'naive', 100_000, setting],
      ['samples per second that arrived', 'kafka-exposer', throughput, setting],
      ['CPU per million samples: exposer', 'kafka-exposer', exposer, setting],
      ['CPU per million samples: Prometheus', 'kafka-exposer', 2, setting],
      ['delay from collection to queryable, p99', 'kafka-exposer', p99, setting],
      ['delay from collection to queryable, p99', 'naive', 2, setting],
      ['delay from collection to queryable, p99', 'direct', 0.3, setting],
      ['samples per second that arrived', 'remote write', 150_000, setting],
      ['delay from collection to queryable, p50', 'remote write', sent.p50, setting],
      ['delay from collection to queryable, p50', 'kafka-exposer', 2, setting],
      ['CPU per million samples: Prometheus', 'remote write', sent.cost, setting],
    ]
    const expected = { p50: 1, cost: 5 }
    expect(judge(load as never, figures(150_000, 0.5, 5, expected))).toEqual(Array(5).fill(true))
    const refuting = { p50: 3, cost: 1 }
    expect(judge(load as never, figures(50_000, 3, 30, refuting))).toEqual(Array(5).fill(false))
    expect(judge(load as never, [])).toEqual([false, null, null, null, null])
  })
})
