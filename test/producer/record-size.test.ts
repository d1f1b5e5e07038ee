import { collectDefaultMetrics, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { Sampler } from '../../producer/sampler.js'
import { Sources } from '../../producer/source.js'
import { registryOf } from '../bench/registry.js'

/** Compressed bytes of the layout of an application, per series. */
async function layoutBytes(register: Registry, compression?: 'gzip'): Promise<number> {
  const { readings } = await new Sources(register).collect(10_000)
  const { parts, values } = await new Sampler(compression).read(readings).sample()
  return parts.reduce((sum, { layout }) => sum + layout.compressed.length, 0) / values.length
}

const withDefaults = (): Registry => {
  const register = new Registry()
  collectDefaultMetrics({ register })
  return register
}

test.each([
  ['the default metrics alone', withDefaults, 2],
  ['50 series beside the default metrics', () => registryOf(50, withDefaults()), 4],
  ['950 series beside the default metrics', () => registryOf(950, withDefaults()), 2.85],
])('the layout of an application with %s is small with the dictionary', async (_, make, most) => {
  const register = make()
  const bytes = await layoutBytes(register)
  expect(bytes).toBeLessThan(most)
  expect(await layoutBytes(register, 'gzip')).toBeGreaterThan(1.3 * bytes)
})
