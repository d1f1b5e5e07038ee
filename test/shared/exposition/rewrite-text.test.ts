import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runNow } from '../../../shared/base/steps.js'
import { layoutTextSteps } from '../../../shared/exposition/layout-text.js'
import { rewriteText } from '../../../shared/exposition/rewrite-text.js'
import { NO_LABELS, seriesLines } from '../../../shared/exposition/series-lines.js'
import { layoutArbitrary } from '../snapshot/layouts.js'

const NONE = new Set<string>()

test('text that is rewritten from the plain one equals text of the layout, for any range, escaping and renamed labels', () => {
  fc.assert(
    fc.property(
      layoutArbitrary,
      fc.constantFrom('allow-utf-8' as const, 'underscores' as const),
      fc.array(fc.nat(1000), { maxLength: 4 }),
      fc.nat(1000),
      fc.nat(1000),
      (layout, escaping, picks, a, b) => {
        const names = layout.families.flatMap(family =>
          family.series.flatMap(series => series.labels.map(label => label.name)),
        )
        const taken = new Set(names.length ? picks.map(pick => names[pick % names.length]) : [])
        for (const name of [...taken].slice(0, 1)) taken.add(`exported_${name}`)
        const plain = runNow(layoutTextSteps(layout, 'allow-utf-8', NONE))
        const count = plain.open.length
        const [from, to] = [a % (count + 1), b % (count + 1)].sort((x, y) => x - y)
        const values = new Float64Array(count).map((_, i) => i)
        const range = { from, to }
        const expected = runNow(layoutTextSteps(layout, escaping, taken))
        const rewritten = rewriteText(plain, range, escaping, taken)
        expect(seriesLines(values, rewritten, range, NO_LABELS, null, null)).toBe(
          seriesLines(values, expected, range, NO_LABELS, null, null),
        )
      },
    ),
    { numRuns: 500 },
  )
})
