import { describe, expect, test } from 'vitest'
import type { Experiment } from '../../lab/experiment.js'
import { runLab } from '../../lab/run.js'
import type { Figure, Observations } from '../../lab/types.js'

const figure = (value: number): Figure => ({
  name: 'x',
  variant: 'kafka-exposer',
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
    judge: ({ figures }: Observations) => [
      {
        claim: 'it is small',
        holds: figures[0].values.every(value => value < 10),
        because: 'the value is below 10',
      },
    ],
  }
}

const observations = (value: number): Observations => ({
  figures: [figure(value)],
  plots: [],
  notMeasured: [],
})

const run = (
  experiments: Experiment[],
  more: { repetitions?: number; signal?: AbortSignal } = {},
) => {
  const messages: [string, number][] = []
  const running = runLab({
    planned: experiments.map(experiment => ({ experiment, parameters: {} })),
    edition: 'custom',
    seed: 7,
    repetitions: more.repetitions ?? 1,
    versions: {},
    signal: more.signal ?? new AbortController().signal,
    progress: (text, left) => messages.push([text, left]),
  })
  return { running, messages }
}

describe('a run of the lab', () => {
  test('a failed experiment is stopped in reverse order of starting, and the next one runs', async () => {
    const stopped: string[] = []
    const failing = experimentOf('failing', async lab => {
      lab.defer(() => void stopped.push('first'))
      lab.defer(() => void stopped.push('second'))
      throw new Error('no luck')
    })
    const { experiments } = await run([failing, experimentOf('next', async () => observations(1))])
      .running
    expect(stopped).toEqual(['second', 'first'])
    expect(experiments[0].failed).toContain('no luck')
    expect(experiments[0].verdicts).toEqual([])
    expect(experiments[1].verdicts[0].holds).toBe(true)
  })

  test('an interrupted run rejects after everything has been stopped', async () => {
    const ending = new AbortController()
    let stopped = false
    const long = experimentOf('long', async lab => {
      lab.defer(() => {
        stopped = true
      })
      setTimeout(() => ending.abort(new Error('enough')), 10)
      await lab.sleep(1000)
      return observations(1)
    })
    const { running } = run(
      [long, experimentOf('never', () => Promise.reject(new Error('was started')))],
      {
        signal: ending.signal,
      },
    )
    await expect(running).rejects.toThrow('enough')
    expect(stopped).toBe(true)
  })

  test('each repetition has its own seed and adds one value to each figure', async () => {
    const { experiments } = await run(
      [experimentOf('seeded', async lab => observations(lab.seed))],
      {
        repetitions: 3,
      },
    ).running
    expect(experiments[0].figures).toEqual([{ ...figure(0), values: [7, 8, 9] }])
  })

  test('the same seed gives the same numbers, in whatever order the streams are read', async () => {
    const drawn: number[][] = []
    const drawing = (streams: string[]) =>
      experimentOf('drawing', async lab => {
        const numbers = new Map(streams.map(stream => [stream, lab.random(stream)()]))
        drawn.push(['a', 'b'].map(stream => numbers.get(stream)!))
        return observations(1)
      })
    await run([drawing(['a', 'b']), drawing(['b', 'a'])]).running
    expect(drawn[0]).toEqual(drawn[1])
    expect(drawn[0][0]).not.toBe(drawn[0][1])
  })

  test('the reported remaining time decreases', async () => {
    const reporting = experimentOf('reporting', async lab => {
      lab.reportStep('a')
      lab.reportCompletion(0.5)
      lab.reportStep('b')
      return observations(1)
    })
    const { running, messages } = run([reporting, reporting])
    await running
    expect(messages.map(([, left]) => left)).toEqual([20, 15, 10, 5])
  })
})
