import { expect, test } from 'vitest'
import type { CollectorName } from '../../../agent/host/collector.js'
import { type Files, hostWith, linesOf } from './machine.js'

const collected = (name: CollectorName, files: Files) => linesOf(hostWith([name], { files }))

async function failureOf(name: CollectorName, files: Files): Promise<string | undefined> {
  const host = hostWith([name], { files })
  expect(await linesOf(host)).toEqual([])
  return host.failures.get(name)
}

const CPU_LINES = `cpu  300 30 3 0 0 0 0 0 0 0
cpu0 100 10 1 5000 7 8 9 11 12 13
cpu1 200 20 2 6000
intr 1000 3 4
`

test('loadavg: three loads', async () => {
  expect(await collected('loadavg', { 'proc/loadavg': '0.52 1.25 10.00 2/214 8917\n' })).toEqual([
    'node_load1 0.52',
    'node_load15 10',
    'node_load5 1.25',
  ])
  expect(await failureOf('loadavg', { 'proc/loadavg': '0.52 1.25\n' })).toMatch('/proc/loadavg')
})

test('meminfo: fields in bytes, numbers of huge pages, and none that node_exporter has not', async () => {
  const text = [
    'MemTotal:       24684084 kB',
    'Active(anon):       1568 kB',
    'KReclaimable:     134188 kB',
    'HugePages_Total:       2',
    'Hugepagesize:       2048 kB',
    'Hugetlb:            4096 kB',
  ].join('\n')
  expect(await collected('meminfo', { 'proc/meminfo': text })).toEqual([
    'node_memory_Active_anon_bytes 1605632',
    'node_memory_HugePages_Total 2',
    'node_memory_Hugepagesize_bytes 2097152',
    'node_memory_MemTotal_bytes 25276502016',
  ])
  expect(await failureOf('meminfo', { 'proc/meminfo': 'MemTotal: 1 MB\n' })).toMatch('unit')
  expect(await failureOf('meminfo', { 'proc/meminfo': 'MemTotal:\n' })).toMatch('not a number')
})

test('stat: the first number of interrupts, and what the file has', async () => {
  const text = `${CPU_LINES}ctxt 4172735\nbtime 1796097300\nprocesses 8915\nprocs_running 3\n`
  expect(await collected('stat', { 'proc/stat': text })).toEqual([
    'node_boot_time_seconds 1796097300',
    'node_context_switches_total 4172735',
    'node_forks_total 8915',
    'node_intr_total 1000',
    'node_procs_running 3',
  ])
})

test('cpu: seconds by CPU and mode; old kernels have fewer modes', async () => {
  const lines = await collected('cpu', { 'proc/stat': CPU_LINES })
  expect(lines).toHaveLength(20)
  expect(lines).toEqual(
    expect.arrayContaining([
      'node_cpu_seconds_total{cpu="0",mode="user"} 1',
      'node_cpu_seconds_total{cpu="0",mode="idle"} 50',
      'node_cpu_seconds_total{cpu="0",mode="steal"} 0.11',
      'node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.12',
      'node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0.13',
      'node_cpu_seconds_total{cpu="1",mode="idle"} 60',
      'node_cpu_seconds_total{cpu="1",mode="softirq"} 0',
    ]),
  )
})

test('cpu: an idle time that goes back a little stays, and one of a replaced CPU does not', async () => {
  const files: Files = { 'proc/stat': 'cpu0 100 0 0 5000\n' }
  const host = hostWith(['cpu'], { files })
  const idle = async (line: string) => {
    files['proc/stat'] = line
    return (await linesOf(host)).filter(line => /"(idle|user)"/.test(line)).slice(1)
  }
  const IDLE = 'node_cpu_seconds_total{cpu="0",mode="idle"}'
  const USER = 'node_cpu_seconds_total{cpu="0",mode="user"}'
  expect(await idle('cpu0 100 0 0 5000\n')).toEqual([`${USER} 1`, `${IDLE} 50`])
  expect(await idle('cpu0 101 0 0 4900\n')).toEqual([`${USER} 1.01`, `${IDLE} 50`])
  expect(await idle('cpu0 2 0 0 4700\n')).toEqual([`${USER} 0.02`, `${IDLE} 47`])
})

test('cpu: throttling by core and package, isolated CPUs, and which CPUs are online', async () => {
  const folder = 'sys/devices/system/cpu'
  const files: Files = {
    'proc/stat': CPU_LINES,
    [`${folder}/isolated`]: '1,4-5\n',
    [`${folder}/online`]: '0-1\n',
  }
  const cpus = [
    { cpu: 0, package: 0, core: 0, core_throttles: 5, package_throttles: 30 },
    { cpu: 1, package: 0, core: 0, core_throttles: 5, package_throttles: 30 },
    { cpu: 2, package: 0, core: 1, core_throttles: 7, package_throttles: 30 },
  ]
  for (const { cpu, package: processor, core, core_throttles, package_throttles } of cpus) {
    files[`${folder}/cpu${cpu}/online`] = '1\n'
    files[`${folder}/cpu${cpu}/topology/physical_package_id`] = `${processor}\n`
    files[`${folder}/cpu${cpu}/topology/core_id`] = `${core}\n`
    files[`${folder}/cpu${cpu}/thermal_throttle/core_throttle_count`] = `${core_throttles}\n`
    files[`${folder}/cpu${cpu}/thermal_throttle/package_throttle_count`] = `${package_throttles}\n`
  }
  const lines = await collected('cpu', files)
  expect(lines.filter(line => !line.includes('seconds'))).toEqual([
    'node_cpu_core_throttles_total{core="0",package="0"} 5',
    'node_cpu_core_throttles_total{core="1",package="0"} 7',
    'node_cpu_isolated{cpu="1"} 1',
    'node_cpu_isolated{cpu="4"} 1',
    'node_cpu_isolated{cpu="5"} 1',
    'node_cpu_online{cpu="0"} 1',
    'node_cpu_online{cpu="1"} 1',
    'node_cpu_online{cpu="2"} 0',
    'node_cpu_package_throttles_total{package="0"} 30',
  ])
})

test('diskstats: whole disks in bytes and seconds, with what udev knows', async () => {
  const lines = await collected('diskstats', {
    'proc/diskstats': [
      '   7       0 loop0 1 1 1 1 1 1 1 1 1 1 1',
      ' 254       0 vda 40098 6250 2891122 16268 16417 47758 3016800 28083 2 6876 45298 4 3 8 470 5 475',
      ' 254       1 vda1 1 1 1 1 1 1 1 1 1 1 1',
      '   8       0 sda 1 2 3 4 5 6 7 8 9 10 11',
    ].join('\n'),
    'sys/block/sda/queue/rotational': '1\n',
    'udev/b8:0':
      'S:disk/by-id/ata-X\nE:ID_MODEL=X=Y\nE:ID_SERIAL_SHORT=S1\nE:ID_FS_TYPE=ext4\nE:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=1\n',
  })
  const info = 'path="",revision="",rotational="0",serial="",wwn=""'
  expect(lines.filter(line => line.includes('info'))).toEqual([
    'node_disk_filesystem_info{device="sda",type="ext4",usage="",uuid="",version=""} 1',
    `node_disk_info{device="vda",major="254",minor="0",model="",${info}} 1`,
    'node_disk_info{device="sda",major="8",minor="0",model="X=Y",path="",revision="",rotational="1",serial="S1",wwn=""} 1',
  ])
  expect(lines.filter(line => line.includes('"vda"'))).toEqual(
    expect.arrayContaining([
      'node_disk_read_bytes_total{device="vda"} 1480254464',
      'node_disk_io_now{device="vda"} 2',
      'node_disk_read_time_seconds_total{device="vda"} 16.268',
      'node_disk_discarded_sectors_total{device="vda"} 8',
      'node_disk_flush_requests_time_seconds_total{device="vda"} 0.47500000000000003',
    ]),
  )
  expect(lines).toContain('node_disk_ata_write_cache{device="sda"} 1')
  // An old kernel counts no discards.
  expect(lines).not.toContainEqual(expect.stringMatching(/discard.*sda/))
})

test('netdev: columns under the names of node_exporter, and packets without a handler from /sys', async () => {
  const header = 'Inter-|   Receive  |  Transmit\n face |bytes packets |bytes\n'
  const lines = await collected('netdev', {
    'proc/net/dev': `${header}  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n`,
    'sys/class/net/eth0/statistics/rx_nohandler': '17\n',
  })
  expect(lines).toHaveLength(17)
  expect(lines).toEqual(
    expect.arrayContaining([
      'node_network_receive_bytes_total{device="eth0"} 1',
      'node_network_receive_multicast_total{device="eth0"} 8',
      'node_network_transmit_colls_total{device="eth0"} 14',
      'node_network_receive_nohandler_total{device="eth0"} 17',
    ]),
  )
  expect(await failureOf('netdev', { 'proc/net/dev': `${header}eth0: 1 2\n` })).toMatch('eth0')
})

test('vmstat: the fields that node_exporter selects', async () => {
  const text = 'nr_free_pages 992165\npgpgin 5\npswpout 6\npgmajfault 7\noom_kill 0\npgfree 3\n'
  expect(await collected('vmstat', { 'proc/vmstat': text })).toEqual([
    'node_vmstat_oom_kill 0',
    'node_vmstat_pgmajfault 7',
    'node_vmstat_pgpgin 5',
    'node_vmstat_pswpout 6',
  ])
})

test('pressure: seconds by resource; without it the collector fails and says why', async () => {
  const line = (kind: string, total: number) =>
    `${kind} avg10=0.00 avg60=0.00 avg300=0.00 total=${total}\n`
  const lines = await collected('pressure', {
    'proc/pressure/cpu': line('some', 1_500_000) + line('full', 0),
    'proc/pressure/io': line('some', 2_000_000) + line('full', 1_000_000),
    'proc/pressure/irq': line('full', 3_000_000),
  })
  expect(lines).toEqual([
    'node_pressure_cpu_waiting_seconds_total 1.5',
    'node_pressure_io_stalled_seconds_total 1',
    'node_pressure_io_waiting_seconds_total 2',
    'node_pressure_irq_stalled_seconds_total 3',
  ])
  expect(await failureOf('pressure', {})).toMatch('no pressure stall information')
})

test('uname: names of the system and of the host', async () => {
  const files = { 'proc/sys/kernel/hostname': 'web-1\n', 'proc/sys/kernel/domainname': '(none)\n' }
  expect(await collected('uname', files)).toEqual([
    'node_uname_info{domainname="(none)",machine="x86_64",nodename="web-1",release="6.12.1",sysname="Linux",version="#1 SMP"} 1',
  ])
})

test('time: clock, zone and clock sources', async () => {
  const folder = 'sys/devices/system/clocksource/clocksource0'
  const files = {
    [`${folder}/available_clocksource`]: 'tsc kvm-clock \n',
    [`${folder}/current_clocksource`]: 'tsc\n',
  }
  expect(await collected('time', files)).toEqual([
    'node_time_clocksource_available_info{clocksource="tsc",device="0"} 1',
    'node_time_clocksource_available_info{clocksource="kvm-clock",device="0"} 1',
    'node_time_clocksource_current_info{clocksource="tsc",device="0"} 1',
    'node_time_seconds 1700000000.25',
    'node_time_zone_offset_seconds{time_zone="UTC"} 0',
  ])
})
