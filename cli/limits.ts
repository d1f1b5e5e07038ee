import { flag, integer, size } from '../shared/base/flags/builders.js'
import type { Values } from '../shared/base/flags/types.js'
import { DEFAULT_LIMITS } from '../shared/metrics/limits.js'

/** Flags of the limits of a series, the same for all programs. */
export const seriesLimitFlags = {
  'limit.labels': flag(integer(1, 1000), {
    default: String(DEFAULT_LIMITS.labels),
    help: 'Maximum number of labels of a series.',
  }),
  'limit.name-bytes': flag(size({ min: '64B' }), {
    default: '1KiB',
    help: 'Maximum length of a metric or label name.',
  }),
  'limit.value-bytes': flag(size({ min: '64B' }), {
    default: '4KiB',
    help: 'Maximum length of a label value or a help text.',
  }),
}

export const seriesLimits = (values: Values<typeof seriesLimitFlags>) => ({
  labels: values['limit.labels'],
  nameBytes: values['limit.name-bytes'],
  valueBytes: values['limit.value-bytes'],
})
