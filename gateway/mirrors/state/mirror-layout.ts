import type { Steps } from '../../../shared/base/steps.js'
import { familiesOf, type OrderedFamilies } from './families.js'
import type { Metadata } from './series-table.js'
import type { SeriesText } from './series-text.js'

/** The series of a snapshot of a mirror. */
export class MirrorLayout {
  constructor(
    /** Series by slot, in any order, and their metadata. */
    readonly texts: readonly SeriesText[],
    readonly metadata: readonly Metadata[],
  ) {}

  /** Depends on the series and their metadata only, not on the order in which they came. */
  families(): Steps<OrderedFamilies> {
    return familiesOf(this)
  }
}
