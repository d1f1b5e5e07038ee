import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { PushState } from '../../../gateway/state/push-state.js'
import { SeriesLookup } from '../../../gateway/state/series-lookup.js'
import { apply } from './text.js'

test('a block has the series of its text, whole, and no other', () => {
  const text = fc.stringMatching(/^[ab{}]{1,4}$/)
  fc.assert(
    fc.property(fc.array(text, { maxLength: 30 }), fc.array(text), (own, others) => {
      const lookup = new SeriesLookup(own.map(line => `${line}\n`).join(''), own.length)
      for (const asked of [...own, ...others, ...own])
        expect(lookup.has(asked)).toBe(own.includes(asked))
    }),
  )
})

test('a push whose series another push group has does not read that group for each of them', () => {
  const state = new PushState()
  const body = (label: string) =>
    Array.from({ length: 2_000 }, (_, i) => `x{l="${i}"${label}} 1\n`).join('')
  apply(state, { group: { job: 'a' }, body: body(',k="1"'), checked: false })
  const { includes } = String.prototype
  let read = 0
  const spy = vi.spyOn(String.prototype, 'includes').mockImplementation(function (
    this: string,
    ...search
  ) {
    if (this.length > 10_000) read++
    return includes.apply(this, search)
  })
  try {
    apply(state, { group: { job: 'a', k: '1' }, body: body(''), checked: false })
  } finally {
    spy.mockRestore()
  }
  expect(state.held().conflicts).toBe(2_000)
  expect(read).toBeLessThan(100)
})
