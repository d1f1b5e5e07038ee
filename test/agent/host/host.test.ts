import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { COLLECTOR_NAMES } from '../../../agent/host/collector.js'
import { COLLECTOR_DEFAULTS, createHost } from '../../../agent/host/host.js'
import { type Files, hostWith, seriesIn } from './machine.js'

const FILES: Readonly<Files> = {
  'proc/1/mountinfo': '27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n',
  'proc/diskstats': ' 254 0 vda 1 2 3 4 5 6 7 8 9 10 11\n',
  'proc/loadavg': '0.52 1.25 10.00 2/214 8917\n',
  'proc/meminfo': 'MemTotal: 24684084 kB\nHugePages_Free: 0\n',
  'proc/net/dev': 'a\nb\n  lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n',
  'proc/pressure/cpu': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n',
  'proc/stat': 'cpu  1 1 1 1\ncpu0 1 2 3 4\nintr 5\nctxt 6\n',
  'proc/sys/kernel/hostname': 'host\n',
  'proc/sys/kernel/domainname': '(none)\n',
  'proc/vmstat': 'pgpgin 5\n',
  'sys/class/net/lo/statistics/rx_nohandler': '0\n',
  'sys/devices/system/clocksource/clocksource0/available_clocksource': 'tsc\n',
  'sys/devices/system/clocksource/clocksource0/current_clocksource': 'tsc\n',
  'sys/devices/system/cpu/cpu0/online': '1\n',
  'sys/devices/system/cpu/isolated': '0\n',
  'sys/devices/system/cpu/online': '0\n',
  'sys/block/vda/queue/rotational': '0\n',
  'udev/b254:0': 'E:ID_FS_TYPE=ext4\n',
}

const succeeded = (series: ReadonlyMap<string, number>) =>
  COLLECTOR_NAMES.filter(
    name => series.get(`node_scrape_collector_success{collector="${name}"}`) === 1,
  )

describe('a host', () => {
  test('collects with all collectors by default, and shows its version', async () => {
    const host = hostWith(COLLECTOR_NAMES, { files: { ...FILES }, options: { version: '1.2.3' } })
    const series = seriesIn(await host.collect(1000))
    expect(COLLECTOR_NAMES.filter(name => COLLECTOR_DEFAULTS[name])).toEqual(COLLECTOR_NAMES)
    expect(succeeded(series)).toEqual(COLLECTOR_NAMES)
    expect(host.failures.size).toBe(0)
    expect(
      series.get(`agent_build_info{nodeversion="${process.versions.node}",version="1.2.3"}`),
    ).toBe(1)
  })

  test('returns the same families while only values change, and others when series do', async () => {
    const files = { ...FILES }
    const host = hostWith(COLLECTOR_NAMES, { files })
    const first = await host.collect(1000)
    files['proc/loadavg'] = '3.00 2.00 1.00 1/1 1\n'
    const second = await host.collect(1000)
    expect(second.families).toBe(first.families)
    expect([seriesIn(first).get('node_load1'), seriesIn(second).get('node_load1')]).toEqual([
      0.52, 3,
    ])
    files['proc/vmstat'] = 'pgpgin 5\npgpgout 6\n'
    const third = await host.collect(1000)
    expect(third.families).not.toBe(first.families)
    expect(seriesIn(third).get('node_vmstat_pgpgout')).toBe(6)
  })

  test.each(COLLECTOR_NAMES.filter(name => name !== 'time'))(
    'without the files of %s has the samples of the other collectors',
    async name => {
      const host = hostWith(COLLECTOR_NAMES, { files: { ...FILES } })
      const whole = seriesIn(await host.collect(1000))
      const alone = seriesIn(await hostWith([name], { files: { ...FILES } }).collect(1000))
      const own = [...alone.keys()].filter(series => !series.startsWith('node_scrape_'))
      const files: Files = { ...FILES }
      for (const path of Object.keys(files))
        if (OWN_FILES[name].some(part => path.includes(part))) delete files[path]
      const others = seriesIn(await hostWith(COLLECTOR_NAMES, { files }).collect(1000))
      const failing = name === 'cpu' || name === 'stat' ? ['cpu', 'stat'] : [name]
      expect(succeeded(others)).toEqual(COLLECTOR_NAMES.filter(name => !failing.includes(name)))
      const gone = [...whole.keys()].filter(series => !others.has(series))
      expect(gone).toEqual(expect.arrayContaining(own))
    },
  )

  test('keeps its families while a collector goes on failing', async () => {
    const files: Files = { ...FILES, 'proc/meminfo': 'MemTotal: 5 kB\nMemFree: broken\n' }
    const host = hostWith(COLLECTOR_NAMES, { files })
    const first = await host.collect(1000)
    expect(host.failures.get('meminfo')).toBe('/proc/meminfo: not a number: "broken"')
    expect((await host.collect(1000)).families).toBe(first.families)
    files['proc/meminfo'] = 'MemTotal: 5 kB\n'
    const second = await host.collect(1000)
    expect(seriesIn(second).get('node_memory_MemTotal_bytes')).toBe(5120)
    expect(host.failures.size).toBe(0)
  })

  test('never throws and never shows a series twice, whatever its files contain', async () => {
    const word = fc.oneof(
      fc.constantFrom(
        'cpu0',
        'cpu',
        'eth0:',
        'kB',
        '-',
        '0',
        '1',
        '18446744073709551615',
        'pgpgin',
      ),
      fc.constantFrom(
        'MemTotal:',
        'some',
        'full',
        'total=5',
        '8:0',
        '0-3',
        'sda',
        '/',
        'E:ID_ATA=1',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.nat().map(String),
    )
    const line = fc.array(word, { maxLength: 22 }).map(words => words.join(' '))
    const mutated = fc
      .tuple(
        fc.constantFrom(...Object.values(FILES)),
        fc.nat(100),
        fc.string({ unit: 'binary', maxLength: 4 }),
      )
      .map(([text, at, insert]) => text.slice(0, at) + insert + text.slice(at + 1))
    const text = fc.oneof(
      fc.array(line, { maxLength: 8 }).map(lines => lines.join('\n')),
      mutated,
      mutated.map(text => text + text),
      fc.string({ unit: 'binary' }),
    )
    const contents = fc.dictionary(fc.constantFrom(...Object.keys(FILES)), text)
    await fc.assert(
      fc.asyncProperty(fc.array(contents, { minLength: 1, maxLength: 3 }), async collections => {
        const files: Files = {}
        const host = hostWith(COLLECTOR_NAMES, { files })
        for (const content of collections) {
          Object.assign(files, FILES, content)
          const { families, values } = await host.collect(1000)
          const names = families.map(({ name }) => name)
          expect(new Set(names).size).toBe(names.length)
          const series = families.flatMap(({ name, series }) =>
            series.map(({ labels }) => JSON.stringify([name, labels])),
          )
          expect(new Set(series).size).toBe(series.length)
          expect(values).toHaveLength(series.length)
          expect(values.every(value => Number.isFinite(value))).toBe(true)
          expect(names.every(name => /^[a-zA-Z_]\w*$/.test(name))).toBe(true)
        }
      }),
    )
  })
})

const OWN_FILES: Readonly<Record<string, readonly string[]>> = {
  cpu: ['proc/stat'],
  stat: ['proc/stat'],
  diskstats: ['diskstats'],
  filesystem: ['mountinfo'],
  loadavg: ['loadavg'],
  meminfo: ['meminfo'],
  netdev: ['net/dev'],
  pressure: ['pressure'],
  uname: ['hostname'],
  vmstat: ['vmstat'],
}

describe('on another system than Linux', () => {
  test('a host cannot be made, and the error says what to do', () => {
    const platform = Object.getOwnPropertyDescriptor(process, 'platform')!
    Object.defineProperty(process, 'platform', { ...platform, value: 'darwin' })
    try {
      expect(() => createHost({ collectors: COLLECTOR_DEFAULTS })).toThrow(
        /on Linux only, and this is darwin: run node_exporter/,
      )
    } finally {
      Object.defineProperty(process, 'platform', platform)
    }
  })
})
