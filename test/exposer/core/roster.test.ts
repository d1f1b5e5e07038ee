import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Roster } from '../../../exposer/core/history/roster.js'

/** A roster whose scrapes end at once. */
function rosterOf(maxPlaces: number) {
  const left: string[] = []
  const roster = new Roster<string>(maxPlaces, name => left.push(name))
  const scrape = (name: string, mono: number) => {
    const value = roster.open(name, mono, () => name)
    if (value !== undefined) roster.close(name)
    return value !== undefined
  }
  return { roster, left, scrape }
}

describe('a new name', () => {
  test('takes the place of the name that was seen once, the least recently seen first', () => {
    const { scrape, left, roster } = rosterOf(3)
    for (const [i, name] of ['regular', 'a', 'b'].entries()) scrape(name, i)
    scrape('regular', 60_000)
    expect(scrape('c', 60_001)).toBe(true)
    expect(scrape('d', 60_002)).toBe(true)
    expect(left).toEqual(['a', 'b'])
    expect(roster.names).toEqual(['regular', 'c', 'd'])
  })

  test('then of the scraper that has missed three of its scrapes', () => {
    const { scrape, left } = rosterOf(2)
    for (const mono of [0, 15_000]) for (const name of ['p', 'q']) scrape(name, mono)
    scrape('q', 30_000)
    expect(scrape('new', 60_000)).toBe(false)
    expect(scrape('new', 60_001)).toBe(true)
    expect(left).toEqual(['p'])
  })

  test('is refused and counted while all others are active', () => {
    const { roster, scrape } = rosterOf(2)
    for (const mono of [0, 15_000]) for (const name of ['p', 'q']) scrape(name, mono)
    expect(scrape('new', 20_000)).toBe(false)
    expect(roster.refused).toBe(1)
  })

  test('never takes the place of a scraper whose response is in progress', () => {
    const roster = new Roster<string>(1)
    roster.open('slow', 0, () => 'slow')
    expect(roster.open('new', 1e9, () => 'new')).toBeUndefined()
    expect(roster.expire(1e9, 1000)).toEqual([])
    roster.close('slow')
    expect(roster.open('new', 1e9, () => 'new')).toBe('new')
  })
})

test('a flood of names never keeps a regular scraper from a lasting place', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 16 }),
      fc.integer({ min: 0, max: 2000 }),
      fc.integer({ min: 1000, max: 60_000 }),
      fc.integer({ min: 0, max: 400 }),
      (places, perInterval, interval, jitter) => {
        const { roster, scrape } = rosterOf(places)
        let random = 0
        for (let round = 0; round < 6; round++) {
          const at = round * interval + (round % 2) * jitter
          expect(scrape('regular', at)).toBe(true)
          const began = roster.names.length
          for (let i = 0; i < perInterval; i++)
            scrape(`${random++}`, at + 1 + (i * (interval - 2 - jitter)) / perInterval)
          expect(roster.names.length).toBeGreaterThanOrEqual(began)
          expect(roster.size).toBeLessThanOrEqual(places)
          if (round >= 1) expect(roster.names).toContain('regular')
        }
      },
    ),
    { numRuns: 50 },
  )
})
