import { expect, test } from 'vitest'
import { FleetWorkload } from '../../lab/fleet/workload.js'

test('an app of a fleet exposes the same series and values in every format', () => {
  const workload = new FleetWorkload(65)
  const values = new Float64Array(65)
  workload.fill(values, 3, 1_700_000_000_123)

  const lines = workload
    .text(values)
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
  const published = workload.layout.families.flatMap(({ name, series }) =>
    series.map(({ labels }) => ({
      name,
      labels: Object.fromEntries(labels.map(label => [label.name, label.value])),
    })),
  )
  const naive = [...workload.records({ job: 'lab' }, values, 1)].flatMap(({ samples }) => samples)
  const lineOf = ({ name, labels }: { name: string; labels: object }, value: number) => {
    const pairs = Object.entries(labels).map(([label, labelValue]) => `${label}="${labelValue}"`)
    return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`
  }
  expect(lines).toHaveLength(65)
  expect(lines).toEqual(published.map((series, i) => lineOf(series, values[i])))
  expect(lines).toEqual(naive.map(([name, labels, value]) => lineOf({ name, labels }, value)))
  expect(new Set(lines).size).toBe(65)
})
