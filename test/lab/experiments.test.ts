import { describe, expect, test } from 'vitest'
import { EXPERIMENTS } from '../../lab/experiments/index.js'
import { runLab } from '../../lab/run.js'

/** Each experiment in the smallest run that still shows everything, with real brokers, apps, exposers and Prometheus. */
describe('a reduced run of', { concurrent: true }, () => {
  test.each(EXPERIMENTS.map(experiment => [experiment.name, experiment] as const))(
    '%s ends with figures, plots and verdicts',
    { timeout: 240_000 },
    async (_name, experiment) => {
      const said: string[] = []
      const { experiments } = await runLab({
        planned: [{ experiment, parameters: experiment.reduced }],
        edition: 'custom',
        seed: 1,
        repetitions: 1,
        versions: {},
        signal: new AbortController().signal,
        progress: text => said.push(text),
      })
      const [result] = experiments
      expect(result.failed).toBeUndefined()
      expect(said.length).toBeGreaterThan(2)
      const measured = result.figures.filter(({ values }) => values.length > 0)
      expect(measured.length).toBeGreaterThan(3)
      for (const { name, values } of measured) {
        for (const value of values) expect(Number.isFinite(value), `${name}: ${value}`).toBe(true)
      }
      // What has no value says why.
      expect(result.figures.filter(({ values, note }) => values.length === 0 && !note)).toEqual([])
      expect(new Set(result.figures.map(figure => figure.variant))).toContain('ours')
      expect(result.plots.length).toBeGreaterThan(0)
      for (const { lines } of result.plots) {
        for (const { points } of lines) expect(points.length).toBeGreaterThan(1)
      }
      expect(result.verdicts.length).toBeGreaterThan(1)
    },
  )
})
