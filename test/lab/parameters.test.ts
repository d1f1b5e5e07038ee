import { describe, expect, test } from 'vitest'
import type { Experiment } from '../../lab/experiment.js'
import { parametersOf, parseOverride } from '../../lab/parameters.js'

const experiment = {
  name: 'outage',
  short: { seconds: 30, faults: ['stopped', 'frozen'], sizes: [1, 2], window: '30s' },
} as unknown as Experiment

describe('parameters', () => {
  test('are those of the edition but for what is given, as text or as YAML has it', () => {
    expect(parametersOf(experiment, 'short', {})).toEqual(experiment.short)
    const given = { seconds: '5', faults: 'cut off', sizes: '10+20', window: '1m' }
    expect(parametersOf(experiment, 'short', { outage: given })).toEqual({
      seconds: 5,
      faults: ['cut off'],
      sizes: [10, 20],
      window: '1m',
    })
    expect(parametersOf(experiment, 'short', { outage: { sizes: [3] } })).toMatchObject({ sizes: [3] })
  })

  test('that are wrong are refused all at once, with what would be right', () => {
    const given = { seconds: 'many', sizes: '1+x', bad: 1 }
    expect(() => parametersOf(experiment, 'short', { outage: given })).toThrow(
      'outage.seconds: "many" should be a number that is not negative, such as 30; outage.sizes: "1+x" should be a list, such as [1,2]; outage has no parameter "bad"; there are: seconds, faults, sizes, window',
    )
  })

  test('are written as experiment.name=value', () => {
    expect(parseOverride('outage.window=1m=2')).toEqual(['outage', 'window', '1m=2'])
    expect(() => parseOverride('window=1m')).toThrow('write it as experiment.name=value')
  })
})
