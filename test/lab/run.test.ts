import { describe, expect, test } from 'vitest'
import type { Experiment } from '../../lab/experiment.js'
import { runLab } from '../../lab/run.js'
import type { Figure, Observed } from '../../lab/types.js'

const figure = (value: number): Figure => ({
  name: 'x',
  variant: 'ours',
  setting: '',
  unit: 's',
  values: [value],
})

function experimentOf(name: string, run: Experiment['run']): Experiment {
  const parameters = {}
  return {
    name,
    title: name,
    question: '?',
    short: parameters,
    full: parameters,
    reduced: parameters,
    estimate: () => 10,
    run,
    judge: ({ figures }: Observed) => [
      { claim: 'it is small', holds: figures[0].values.every(value => value < 10), because: 'so it is' },
    ],
  }
}

const observed = (value: number): Observed => ({ figures: [figure(value)], plots: [], notMeasured: [] })

const lab = (experiments: Experiment[], more: { repetitions?: number; signal?: AbortSignal } = {}) => {
  const said: [string, number][] = []
  const running = runLab({
    planned: experiments.map(experiment => ({ experiment, parameters: {} })),
    edition: 'custom',
    seed: 7,
    repetitions: more.repetitions ?? 1,
    versions: {},
    signal: more.signal ?? new AbortController().signal,
    progress: (text, left) => said.push([text, left]),
  })
  return { running, said }
}

describe('a run of the lab', () => {
  test('stops what an experiment has started, the last first, also when it fails, and goes on with the next', async () => {
    const stopped: string[] = []
    const failing = experimentOf('failing', async lab => {
      lab.defer(() => void stopped.push('first'))
      lab.defer(() => void stopped.push('second'))
      throw new Error('no luck')
    })
    const { experiments } = await lab([failing, experimentOf('next', async () => observed(1))]).running
    expect(stopped).toEqual(['second', 'first'])
    expect(experiments[0].failed).toContain('no luck')
    expect(experiments[0].verdicts).toEqual([])
    expect(experiments[1].verdicts[0].holds).toBe(true)
  })

  test('ends when it is interrupted, with everything stopped', async () => {
    const ending = new AbortController()
    let stopped = false
    const long = experimentOf('long', async lab => {
      lab.defer(() => {
        stopped = true
      })
      setTimeout(() => ending.abort(new Error('enough')), 10)
      await lab.pause(1000)
      return observed(1)
    })
    const { running } = lab([long, experimentOf('never', () => Promise.reject(new Error('was started')))], {
      signal: ending.signal,
    })
    await expect(running).rejects.toThrow('enough')
    expect(stopped).toBe(true)
  })

  test('has a value for each repetition, with another seed for each', async () => {
    const { experiments } = await lab([experimentOf('seeded', async one => observed(one.seed))], {
      repetitions: 3,
    }).running
    expect(experiments[0].figures).toEqual([{ ...figure(0), values: [7, 8, 9] }])
  })

  test('the same seed gives the same numbers, whichever stream was asked before', async () => {
    const asked: number[][] = []
    const asking = (streams: string[]) =>
      experimentOf('asking', async one => {
        const numbers = new Map(streams.map(stream => [stream, one.random(stream)()]))
        asked.push(['a', 'b'].map(stream => numbers.get(stream)!))
        return observed(1)
      })
    await lab([asking(['a', 'b']), asking(['b', 'a'])]).running
    expect(asked[0]).toEqual(asked[1])
    expect(asked[0][0]).not.toBe(asked[0][1])
  })

  test('says how much is left, less and less', async () => {
    const told = experimentOf('told', async one => {
      one.say('a')
      one.share(0.5)
      one.say('b')
      return observed(1)
    })
    const { running, said } = lab([told, told])
    await running
    expect(said.map(([, left]) => left)).toEqual([20, 15, 10, 5])
  })
})
