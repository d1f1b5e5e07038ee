import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { CellHistogram } from '../../../shared/base/cell-histogram.js'

test('the exposition is the same as that of a histogram of prom-client', async () => {
  const registry = new Registry()
  const label = { name: 'stage', values: ['produce', 'consume'] as const }
  const delays = new CellHistogram('delay_seconds', 'A delay', label, [0.1, 1]).register(registry)
  for (const seconds of [0.05, 0.1, 0.5, 3]) delays.observe('produce', seconds)
  const text = await registry.metrics()
  expect(text.split('\n').filter(line => line.includes('produce'))).toEqual([
    'delay_seconds_bucket{le="0.1",stage="produce"} 2',
    'delay_seconds_bucket{le="1",stage="produce"} 3',
    'delay_seconds_bucket{le="+Inf",stage="produce"} 4',
    'delay_seconds_sum{stage="produce"} 3.65',
    'delay_seconds_count{stage="produce"} 4',
  ])
  expect(text).toContain('delay_seconds_count{stage="consume"} 0')
})
