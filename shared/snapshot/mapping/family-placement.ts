import { type FamilyType, SUFFIXES_OF, type Suffix } from '../../metrics/layout.js'
import type { Family, SampleSuffix } from '../../metrics/model.js'
import { counterFamily } from './counter-name.js'
import type { FamilyHead, LayoutBuilder } from './layout-builder.js'
import type { Drop } from './mapping.js'

/** Family and suffix for the series of one suffix. */
interface SeriesPlacement {
  readonly head: FamilyHead
  readonly suffix: Suffix
  readonly refusal: Drop | undefined
}

/** Chooses family and suffix in the layout for the series of a family. */
export class FamilyPlacement {
  readonly #bySuffix = new Map<SampleSuffix, SeriesPlacement>()

  constructor(
    private readonly family: Family,
    private readonly exposedNames: ReadonlySet<string>,
    /** False for a histogram or summary with a series that does not fit its type in a record. */
    private readonly isTyped: boolean,
    private readonly builder: LayoutBuilder,
  ) {}

  of(suffix: SampleSuffix): SeriesPlacement {
    let placement = this.#bySuffix.get(suffix)
    if (!placement) {
      const { head, suffix: carried } = this.#placementOf(suffix)
      placement = { head, suffix: carried, refusal: this.builder.refusalOf(head) }
      this.#bySuffix.set(suffix, placement)
    }
    return placement
  }

  #placementOf(suffix: SampleSuffix): Omit<SeriesPlacement, 'refusal'> {
    const { name, type, help, unit } = this.family
    const typed = (family: string, carriedType: FamilyType, carried: Suffix) => ({
      head: { name: family, type: carriedType, help, unit },
      suffix: carried,
    })
    const bySampleName = (carriedType: FamilyType) => ({
      // The help of a family does not describe creation times.
      head: {
        name: name + suffix,
        type: carriedType,
        help: suffix === '_created' ? '' : help,
        unit: '',
      },
      suffix: '' as const,
    })
    switch (type) {
      case 'counter': {
        if (suffix === '_total' && name !== '' && !name.endsWith('_total'))
          return typed(name, 'counter', '_total')
        const counter = suffix === '' ? counterFamily(name, this.exposedNames) : null
        return counter ? typed(counter.family, 'counter', counter.suffix) : bySampleName('unknown')
      }
      case 'histogram':
      case 'summary': {
        const carried = this.isTyped ? SUFFIXES_OF[type].find(own => own === suffix) : undefined
        return carried === undefined ? bySampleName('unknown') : typed(name, type, carried)
      }
      case 'gauge':
      case 'unknown':
        return suffix === '' ? typed(name, type, '') : bySampleName('unknown')
      // Text 0.0.4 has neither type: exporters write them as gauges.
      case 'info':
      case 'stateset':
        return bySampleName('gauge')
      case 'gaugehistogram':
        return bySampleName('unknown')
    }
  }
}
