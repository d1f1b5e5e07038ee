import { describe, expect, test } from 'vitest'
import type { Mount } from '../../../agent/host/collectors/filesystem/mounts.js'
import {
  MountStatistics,
  type Statistics,
  TIMED_OUT,
} from '../../../agent/host/collectors/filesystem/statistics.js'
import { eventually } from '../../support/eventually.js'
import { hostWith, linesOf, missing } from './machine.js'

const MOUNTINFO = `22 27 0:21 / /proc rw,relatime - proc proc rw
24 27 0:6 / /dev rw - devtmpfs devtmpfs rw,size=4k
25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
28 27 254:16 / /with\\040blank ro,nosuid - xfs /dev/vdb rw
29 27 254:16 / /with\\040blank rw - xfs /dev/vdb rw
31 27 0:40 / /var/lib/docker/overlay2/x rw - ext4 /dev/vdc rw
`

describe('filesystem', () => {
  test('shows each mount once, without those of the kernel and of containers', async () => {
    const lines = await linesOf(
      hostWith(['filesystem'], { files: { 'proc/1/mountinfo': MOUNTINFO } }),
    )
    const root = 'device="/dev/vda",device_error="",fstype="ext4",mountpoint="/"'
    const blank = 'device="/dev/vdb",device_error="",fstype="xfs",mountpoint="/with blank"'
    expect(lines).toHaveLength(18)
    expect(lines).toEqual(
      expect.arrayContaining([
        `node_filesystem_size_bytes{${root}} 4096000`,
        `node_filesystem_free_bytes{${root}} 1228800`,
        `node_filesystem_avail_bytes{${root}} 819200`,
        `node_filesystem_files{${root}} 50`,
        `node_filesystem_files_free{${root}} 40`,
        `node_filesystem_readonly{${root}} 0`,
        `node_filesystem_device_error{${root}} 0`,
        'node_filesystem_mount_info{device="/dev/vda",major="254",minor="0",mountpoint="/"} 1',
        `node_filesystem_readonly{${blank}} 1`,
      ]),
    )
  })

  test('reads its own mounts where those of the first process are hidden', async () => {
    const files = { 'proc/self/mountinfo': MOUNTINFO }
    expect(await linesOf(hostWith(['filesystem'], { files }))).toHaveLength(18)
  })

  test('names the error of a mount that cannot be asked', async () => {
    const host = hostWith(['filesystem'], {
      files: { 'proc/1/mountinfo': '27 1 0:50 / /files rw - fuse.sshfs host:/ rw\n' },
      statfs: async () => {
        throw Object.assign(new Error("ENOTCONN: socket is not connected, statfs '/files'"), {
          code: 'ENOTCONN',
        })
      },
    })
    const labels =
      'device="host:/",device_error="transport endpoint is not connected",fstype="fuse.sshfs",mountpoint="/files"'
    expect(await linesOf(host)).toEqual([
      `node_filesystem_device_error{${labels}} 1`,
      `node_filesystem_readonly{${labels}} 0`,
    ])
  })

  test('strips the folder at which the root of the host is mounted', async () => {
    const host = hostWith(['filesystem'], {
      files: {
        'proc/1/mountinfo':
          '27 1 254:0 / /host rw shared:1 - ext4 /dev/vda rw\n28 27 254:1 / /host/data rw shared:1 - ext4 /dev/vdb rw\n',
      },
      options: { rootfsPath: '/host' },
    })
    const points = (await linesOf(host)).filter(line => line.includes('mount_info'))
    expect(points.map(line => /mountpoint="(.*)"/.exec(line)?.[1])).toEqual(['/', '/data'])
  })
})

const mount = (mountPoint: string, type: string): Mount => ({
  device: 'device',
  mountPoint,
  type,
  major: '0',
  minor: '1',
  readonly: false,
})
const ANSWER: Statistics = { bsize: 1, blocks: 1, bfree: 1, bavail: 1, files: 1, ffree: 1 }

/** Calls of statfs that hang until they are released. */
class HungServer {
  readonly asked: string[] = []
  readonly #waiting = new Map<string, () => void>()

  constructor(private hangs: (mountPoint: string) => boolean) {}

  readonly statfs = (mountPoint: string): Promise<Statistics> => {
    this.asked.push(mountPoint)
    if (!this.hangs(mountPoint)) return Promise.resolve(ANSWER)
    return new Promise(resolve => this.#waiting.set(mountPoint, () => resolve(ANSWER)))
  }

  recover(): void {
    this.hangs = () => false
    for (const answer of this.#waiting.values()) answer()
  }
}

describe('a mount that hangs', () => {
  test('fails after the timeout, and the others are measured', async () => {
    const server = new HungServer(path => path === '/nfs')
    const statistics = new MountStatistics(server.statfs)
    const mounts = [mount('/nfs', 'nfs4'), mount('/', 'ext4'), mount('/other', 'nfs4')]
    expect(await statistics.measure(mounts, 50)).toEqual([TIMED_OUT, ANSWER, ANSWER])
    // It is not asked again, and costs no time.
    expect(await statistics.measure(mounts, 60_000)).toEqual([TIMED_OUT, ANSWER, ANSWER])
    expect(server.asked.filter(path => path === '/nfs')).toEqual(['/nfs'])
    server.recover()
    await eventually(async () => {
      expect(await statistics.measure(mounts, 60_000)).toEqual([ANSWER, ANSWER, ANSWER])
    })
  })

  test('never takes more than two threads, and none of those for local filesystems', async () => {
    const server = new HungServer(path => path.startsWith('/nfs'))
    const statistics = new MountStatistics(server.statfs)
    const mounts = [
      ...Array.from({ length: 10 }, (_, i) => mount(`/nfs${i}`, 'nfs')),
      mount('/', 'ext4'),
      mount('/tmp', 'tmpfs'),
    ]
    for (let i = 0; i < 3; i++) {
      const results = await statistics.measure(mounts, 20)
      expect(results).toEqual([...Array(10).fill(TIMED_OUT), ANSWER, ANSWER])
    }
    expect(server.asked.filter(path => path.startsWith('/nfs'))).toEqual(['/nfs0', '/nfs1'])
  })

  test('that is gone is an error of its own', async () => {
    const statistics = new MountStatistics(async path => {
      throw Object.assign(missing(path), {
        message: `ENOENT: no such file or directory, statfs '${path}'`,
      })
    })
    expect(await statistics.measure([mount('/gone', 'ext4')], 1000)).toEqual([
      'no such file or directory',
    ])
  })
})
