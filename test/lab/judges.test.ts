import { describe, expect, test } from 'vitest'
import type { Experiment } from '../../lab/experiment.js'
import { asynchrony } from '../../lab/experiments/asynchrony.js'
import { discovery } from '../../lab/experiments/discovery.js'
import { load } from '../../lab/experiments/load.js'
import { outage } from '../../lab/experiments/outage.js'
import { replicas } from '../../lab/experiments/replicas.js'
import { scale } from '../../lab/experiments/scale.js'
import type { Figure, Variant } from '../../lab/types.js'

type Made = readonly [name: string, variant: Variant, value: number | null, setting?: string]

const figuresOf = (made: readonly Made[]): Figure[] =>
  made.map(([name, variant, value, setting = '']) => ({
    name,
    variant,
    setting,
    unit: '',
    values: value === null ? [] : [value],
  }))

/** What each claim of the short edition comes to. */
const judged = (experiment: Experiment<never>, made: readonly Made[]) =>
  experiment
    .judge({ figures: figuresOf(made), plots: [], notMeasured: [] }, experiment.short as never)
    .map(({ holds }) => holds)

describe('verdicts follow from the figures, either way', () => {
  test('outage', () => {
    const made = (naive: number, ours: number, slope: number, back: number): Made[] => [
      ['buffered at the end of the outage', 'naive', naive],
      ['buffered at the end of the outage', 'ours', 0.01],
      ['growth of what waits to be sent, during outages', 'naive', slope],
      ['held memory more at the end of the outage', 'naive', naive],
      ['held memory more at the end of the outage', 'ours', ours],
      ['until new samples can be queried again', 'ours', back],
      ['until new samples can be queried again', 'naive', back],
    ]
    expect(judged(outage as never, made(12, 0.3, 9, 3))).toEqual([true, true, true])
    expect(judged(outage as never, made(0.02, 7, 0, 50))).toEqual([false, false, false])
    expect(judged(outage as never, [])).toEqual([null, null, null])
  })

  test('asynchrony', () => {
    const made = (naive: number, bias: number, ours: number, ghost: number): Made[] =>
      ['0–8 s, constant', 'heavy tail to 8 s, constant'].flatMap((setting): Made[] => [
        ['rate() error over 30s, live, p99', 'naive', naive, setting],
        ['rate() error over 30s, live, p99', 'ours', ours, setting],
        ['rate() error over 30s, live, p99', 'direct', 0.01, setting],
        ['rate() bias over 30s, live, median', 'naive with timestamps', bias, setting],
        ['a dead app is still shown', 'naive with timestamps', ghost],
        ['a dead app is still shown', 'ours', 15],
        ['a dead app is still shown', 'direct', 5],
      ])
    expect(judged(asynchrony as never, made(40, -20, 0.1, 300))).toEqual([true, true, true, true])
    expect(judged(asynchrony as never, made(2, -1, 1.5, 10))).toEqual([false, false, false, false])
    expect(judged(asynchrony as never, [])).toEqual([null, null, null, null])
  })

  test('discovery', () => {
    const made = (naive: number | null, ours: number | null, hurt: number, hurtByOurs: number): Made[] => [
      ['an app dies, until up is 0', 'naive', naive],
      ['an app dies, until up is 0', 'ours', ours],
      ['an app dies, until up is 0', 'direct', 2],
      ['neighbours that lost data when one app exploded', 'naive', hurt],
      ['neighbours that lost data when one app exploded', 'ours', hurtByOurs],
      ['neighbours that lost data when one app exploded', 'direct', 0],
    ]
    expect(judged(discovery as never, made(null, 5, 100, 0))).toEqual([true, true, true])
    expect(judged(discovery as never, made(3, 20, 100, 50))).toEqual([false, false, false])
    expect(judged(discovery as never, made(3, null, 0, 0))).toEqual([false, false, false])
  })

  test('replicas', () => {
    const made = (drained: number, ours: number, all: number, apart: number): Made[] => [
      ['samples that the poorer replica has, of all', 'naive with timestamps', drained],
      ['samples that the poorer replica has, of all', 'ours', ours],
      ['samples that the poorer replica has, of all', 'ours', all, 'every sample (view=all)'],
      ['samples that the poorer replica has, of all', 'direct', 100],
      ['what a client sees change when its replica dies, p99', 'ours', apart],
      ['what a client sees change when its replica dies, p99', 'naive', 100],
      ['what a client sees change when its replica dies, p99', 'direct', 0],
    ]
    expect(judged(replicas as never, made(50, 99, 100, 0.1))).toEqual([true, true, true])
    expect(judged(replicas as never, made(99, 90, 100, 30))).toEqual([false, false, false])
    expect(judged(replicas as never, [])).toEqual([null, null, null])
  })

  test('scale', () => {
    const massive = (seconds: number): Made => ['longest scrape', 'ours', seconds, '100 k series, massive']
    const virtual = (series: string, seconds: number, failed: number): Made[] => [
      ['longest scrape', 'ours', 2 * seconds, `${series} series, virtual targets`],
      ['scrape of one target, p50', 'ours', seconds, `${series} series, virtual targets`],
      ['scrapes that failed', 'ours', failed, `${series} series, virtual targets`],
      ['samples that came, of those due', 'ours', 100 - failed, `${series} series, virtual targets`],
    ]
    const made = (big: number, one: number, failed: number): Made[] => [
      ['longest scrape', 'ours', 0.03, '10 k series, massive'],
      massive(big),
      ...virtual('10 k', 0.004, 0),
      ...virtual('100 k', one, failed),
    ]
    expect(judged(scale as never, made(0.3, 0.005, 0))).toEqual([true, true, true])
    expect(judged(scale as never, made(0.04, 0.9, 4))).toEqual([false, false, false])
    expect(judged(scale as never, [massive(0.3)])).toEqual([null, null, false])
  })

  test('load', () => {
    const setting = '640 apps, 160 k/s'
    const made = (ours: number, exposer: number, p99: number): Made[] => [
      ['samples a second that arrived', 'naive', 100_000, setting],
      ['samples a second that arrived', 'ours', ours, setting],
      ['CPU for a million samples: exposer', 'ours', exposer, setting],
      ['CPU for a million samples: Prometheus', 'ours', 2, setting],
      ['from collection to queryable, p99', 'ours', p99, setting],
      ['from collection to queryable, p99', 'naive', 2, setting],
      ['from collection to queryable, p99', 'direct', 0.3, setting],
    ]
    expect(judged(load as never, made(150_000, 0.5, 5))).toEqual([true, true, true])
    expect(judged(load as never, made(50_000, 3, 30))).toEqual([false, false, false])
    expect(judged(load as never, [])).toEqual([false, null, null])
  })
})
