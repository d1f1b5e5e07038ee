import { describe, expect, test } from 'vitest'
import type { Experiment } from '../../lab/experiment.js'
import { parametersOf, parseOverride } from '../../lab/parameters.js'

const experiment = {
  name: 'outage',
  short: { seconds: 30, faults: ['killed', 'paused'], sizes: [1, 2], window: '30s' },
} as unknown as Experiment

describe('parameters', () => {
  test('are those of the edition, except for the overrides, given as text or as YAML', () => {
    expect(parametersOf(experiment, 'short', {})).toEqual(experiment.short)
    const given = { seconds: '5', faults: 'unreachable', sizes: '10+20', window: '1m' }
    expect(parametersOf(experiment, 'short', { outage: given })).toEqual({
      seconds: 5,
      faults: ['unreachable'],
      sizes: [10, 20],
      window: '1m',
    })
    expect(parametersOf(experiment, 'short', { outage: { sizes: [3] } })).toMatchObject({
      sizes: [3],
    })
  })

  test('that are invalid are all listed in one error, with the valid ones', () => {
    const given = { seconds: 'many', sizes: '1+x', bad: 1 }
    expect(() => parametersOf(experiment, 'short', { outage: given })).toThrow(
      'outage.seconds: "many" is not a non-negative number, such as 30; outage.sizes: "1+x" is not a list, such as [1,2]; outage has no parameter "bad"; its parameters are: seconds, faults, sizes, window',
    )
  })

  test('are written as experiment.name=value', () => {
    expect(parseOverride('outage.window=1m=2')).toEqual(['outage', 'window', '1m=2'])
    expect(() => parseOverride('window=1m')).toThrow('is not of the form experiment.name=value')
  })
})
