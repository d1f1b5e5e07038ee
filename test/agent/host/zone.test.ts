import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { abbreviationOf } from '../../../agent/host/collectors/time/zone.js'
import { hostWith, linesOf } from './machine.js'

/** A TZif file of version 2 with one kind of local time, and a rule for today. */
function zoneFile(rule: string, names: readonly (readonly [string, number])[] = [['LMT', 0]]) {
  const text = Buffer.from(names.map(([name]) => `${name}\0`).join(''))
  const types = Buffer.alloc(6 * names.length)
  names.forEach(([, offset], i) => {
    types.writeInt32BE(offset, 6 * i)
    types[6 * i + 5] = names.slice(0, i).reduce((sum, [name]) => sum + name.length + 1, 0)
  })
  const header = Buffer.alloc(44)
  header.write('TZif2')
  header.writeUInt32BE(names.length, 36)
  header.writeUInt32BE(text.length, 40)
  const block = Buffer.concat([header, types, text])
  return Buffer.concat([block, block, Buffer.from(`\n${rule}\n`)])
}

test.each([
  ['CET-1CEST,M3.5.0,M10.5.0/3', 3600, 'CET'],
  ['CET-1CEST,M3.5.0,M10.5.0/3', 7200, 'CEST'],
  ['EST5EDT,M3.2.0,M11.1.0', -18000, 'EST'],
  ['EST5EDT,M3.2.0,M11.1.0', -14400, 'EDT'],
  ['IST-1GMT0,M10.5.0,M3.5.0/1', 0, 'GMT'],
  ['<+0545>-5:45', 20700, '+0545'],
  ['UTC0', 0, 'UTC'],
])('a zone with the rule %s is called at an offset of %i s: %s', (rule, offset, expected) => {
  expect(abbreviationOf(zoneFile(rule), offset)).toBe(expected)
})

test('a zone that has left an offset is called by its newest name at that offset', () => {
  const file = zoneFile('CET-1', [
    ['OLD', 1200],
    ['AMT', 1200],
    ['CET', 3600],
  ])
  expect(abbreviationOf(file, 1200)).toBe('AMT')
  expect(abbreviationOf(file, 55)).toBeNull()
})

test('a file that is no zone file has no abbreviation, and never throws', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 120 }),
      fc.nat(200),
      fc.boolean(),
      (bytes, length, whole) => {
        const file = zoneFile('CET-1CEST,M3.5.0,M10.5.0/3').subarray(0, length)
        const content = whole ? Buffer.from(bytes) : Buffer.concat([file, bytes])
        const name = abbreviationOf(content, 3600)
        expect(name === null || typeof name === 'string').toBe(true)
      },
    ),
  )
})

const BERLIN = '/usr/share/zoneinfo/Europe/Berlin'

test.skipIf(!existsSync(BERLIN))('the zone file of this machine names summer and winter', () => {
  const file = readFileSync(BERLIN)
  expect([3600, 7200].map(offset => abbreviationOf(file, offset))).toEqual(['CET', 'CEST'])
})

test('time: the label follows the change to summer time', async () => {
  let offset = 3600
  const host = hostWith(['time'], {
    files: {},
    facts: { zoneName: 'Europe/Berlin', zoneOffset: () => offset },
    zones: { 'Europe/Berlin': zoneFile('CET-1CEST,M3.5.0,M10.5.0/3') },
  })
  const zone = async () => (await linesOf(host)).find(line => line.includes('zone'))
  expect(await zone()).toBe('node_time_zone_offset_seconds{time_zone="CET"} 3600')
  offset = 7200
  expect(await zone()).toBe('node_time_zone_offset_seconds{time_zone="CEST"} 7200')
})

test('time: without a zone file the label is the offset', async () => {
  const facts = { zoneName: 'Asia/Kathmandu', zoneOffset: () => 20700 }
  const lines = await linesOf(hostWith(['time'], { files: {}, facts }))
  expect(lines).toContain('node_time_zone_offset_seconds{time_zone="+0545"} 20700')
})

test.each([null, '', 'UTC'])(
  'time: at an offset of 0 without a zone file, %j is UTC',
  async zoneName => {
    const lines = await linesOf(hostWith(['time'], { files: {}, facts: { zoneName } }))
    expect(lines).toContain('node_time_zone_offset_seconds{time_zone="UTC"} 0')
  },
)

test('time: without TZ the zone is that of the system', async () => {
  const lines = await linesOf(
    hostWith(['time'], {
      files: {},
      facts: { zoneOffset: () => 3600 },
      zones: { localtime: zoneFile('WAT-1') },
    }),
  )
  expect(lines).toContain('node_time_zone_offset_seconds{time_zone="WAT"} 3600')
})
