import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { labelOfParameter, sdGroups, withOriginalNames } from '../../../exposer/core/discovery.js'
import { escapeLabelName, unescapeLabelName } from '../../../exposer/core/label-escape.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

function listed(labels: Record<string, string>) {
  const shard = new FakeShard()
  const app = new FakeApp({ labels: { job: 'shop' } })
  shard.publish(app, { exposition: '# TYPE a gauge\na 1\n', collectedAt: shard.wall })
  const [target] = shard.shard.targets()
  const calls = { dropped: [] as string[], escaped: [] as string[] }
  const [group] = sdGroups([{ ...shard.shard.describe(target!, shard.now), labels }], {
    externalUrl: 'http://exposer:9754',
    onDropped: name => calls.dropped.push(name),
    onEscaped: name => calls.escaped.push(name),
  })
  return { labels: group!.labels, ...calls }
}

/** The labels of the target that Prometheus asks for. */
const selectedBy = (labels: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(labels)
      .filter(([name]) => name.startsWith('__param_'))
      .map(([name, value]) => [labelOfParameter(name.slice('__param_'.length)), value]),
  )

describe('a label that Prometheus 2 does not know', () => {
  test('is listed escaped, and selects the target', () => {
    const { labels, escaped } = listed({ job: 'shop', 'service.name': 'pay', größe: 'L' })
    expect(labels).toMatchObject({ job: 'shop', U__service_2e_name: 'pay', U__gr_f6__df_e: 'L' })
    expect(labels).toMatchObject({
      __param_job: 'shop',
      __param_U__service_2e_name: 'pay',
      __param_U__gr_f6__df_e: 'L',
    })
    expect(escaped).toEqual(['größe', 'service.name'])
  })

  test('with the reserved prefix is not listed, and selects the target', () => {
    const { labels, dropped } = listed({ job: 'shop', __hidden: 'x' })
    expect(labels.__param_U______hidden).toBe('x')
    expect(Object.keys(labels)).not.toContain('__hidden')
    expect(dropped).toEqual(['__hidden'])
    expect(selectedBy(labels)).toEqual({ job: 'shop', __hidden: 'x' })
  })

  test('never takes the name of another label', () => {
    const own = { job: 'shop', 'a.b': '1', U__a_2e_b: '2' }
    const { labels, dropped } = listed(own)
    expect(labels.U__a_2e_b).toBe('2')
    expect(dropped).toEqual(['a.b'])
    expect(selectedBy(labels)).toEqual(own)
  })
})

const name = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
  fc.stringMatching(/^(U__|__|_)?[a-z0-9_.]{1,6}$/),
  fc.string({ unit: fc.constantFrom('U', '_', '2', 'e', 'a', ':'), minLength: 1, maxLength: 9 }),
)

test('whatever its labels are: no list is void for Prometheus 2, and /target finds the target', () => {
  const values = fc.string({ unit: 'grapheme', minLength: 1 })
  fc.assert(
    fc.property(fc.dictionary(name, values, { maxKeys: 5 }), dictionary => {
      const clean = Object.entries({ ...dictionary, job: 'shop' }).filter(([name, value]) =>
        [name, value].every(text => text.isWellFormed() && !text.includes('\0')),
      )
      const own = Object.fromEntries(clean)
      const { labels } = listed(own)
      for (const name of Object.keys(labels)) expect(name).toMatch(/^[a-zA-Z_][a-zA-Z0-9_]*$/)
      expect(selectedBy(labels)).toEqual(own)
    }),
  )
})

test('an escaped name is unescaped to what it was, and other names are not', () => {
  fc.assert(
    fc.property(name, name => {
      expect(unescapeLabelName(escapeLabelName(name))).toBe(name)
    }),
  )
  for (const other of ['job', 'U_a', 'U__a_', 'U__a_zz_', 'U__a_110000_', 'U__a.b'])
    expect(unescapeLabelName(other)).toBeUndefined()
})

test('a group for Prometheus 3 has the original names, and the same parameters', () => {
  const labels = { job: 'j', 'service.name': 'pay', größe: 'L', U__own: 'x' }
  const [group] = sdGroups([{ state: 'up', intervalMs: 1000, labels }], {
    externalUrl: 'http://exposer:9754',
  })
  const original = JSON.parse(withOriginalNames(JSON.stringify(group)))
  expect(original.targets).toEqual(group!.targets)
  expect(original.labels).toMatchObject(labels)
  const parameters = (of: Record<string, string>) =>
    Object.entries(of).filter(([name]) => name.startsWith('__param_'))
  expect(parameters(original.labels)).toEqual(parameters(group!.labels))
})
