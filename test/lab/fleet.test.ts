import { expect, test } from 'vitest'
import { FleetWorkload } from '../../lab/fleet/workload.js'

test('an app of a fleet shows the same series and values by every way', () => {
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
      labels: Object.fromEntries(labels.map(one => [one.name, one.value])),
    })),
  )
  const naive = [...workload.records({ job: 'lab' }, values, 1)].flatMap(({ samples }) => samples)
  const text = ({ name, labels }: { name: string; labels: object }, value: number) => {
    const inside = Object.entries(labels).map(([label, of]) => `${label}="${of}"`)
    return `${name}${inside.length > 0 ? `{${inside.join(',')}}` : ''} ${value}`
  }
  expect(lines).toHaveLength(65)
  expect(lines).toEqual(published.map((one, i) => text(one, values[i])))
  expect(lines).toEqual(naive.map(([name, labels, value]) => text({ name, labels }, value)))
  expect(new Set(lines).size).toBe(65)
})
