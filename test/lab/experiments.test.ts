import { describe, expect, test } from 'vitest'
import { EXPERIMENTS } from '../../lab/experiments/index.js'
import { runLab } from '../../lab/run.js'

const WITH_REMOTE_WRITE = ['asynchrony', 'replicas', 'scale', 'load']

/**
 * Each experiment with its reduced parameters, with real brokers, apps, exposers and Prometheus.
 */
describe('a reduced run of', { concurrent: true }, () => {
  test.each(EXPERIMENTS.map(experiment => [experiment.name, experiment] as const))(
    '%s produces figures, plots and verdicts',
    async (_name, experiment) => {
      const messages: string[] = []
      const { experiments } = await runLab({
        planned: [{ experiment, parameters: experiment.reduced }],
        edition: 'custom',
        seed: 1,
        repetitions: 1,
        versions: {},
        signal: new AbortController().signal,
        progress: text => messages.push(text),
      })
      const [result] = experiments
      expect(result.failed).toBeUndefined()
      expect(messages.length).toBeGreaterThan(2)
      const measured = result.figures.filter(({ values }) => values.length > 0)
      expect(measured.length).toBeGreaterThan(3)
      for (const { name, values } of measured) {
        for (const value of values) expect(Number.isFinite(value), `${name}: ${value}`).toBe(true)
      }
      // A figure without a value has a note with the reason.
      expect(result.figures.filter(({ values, note }) => values.length === 0 && !note)).toEqual([])
      expect(new Set(result.figures.map(figure => figure.variant))).toContain('kafka-exposer')
      expect(measured.some(({ variant }) => variant === 'remote write')).toBe(
        WITH_REMOTE_WRITE.includes(result.name),
      )
      expect(result.plots.length).toBeGreaterThan(0)
      for (const { lines } of result.plots) {
        for (const { points } of lines) expect(points.length).toBeGreaterThan(1)
      }
      expect(result.verdicts.length).toBeGreaterThan(1)
    },
  )
})
