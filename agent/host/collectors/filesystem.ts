import { family, type HostFiles, isMissing, type SampleSink } from '../collector.js'
import { type Mount, mountsOf } from './filesystem/mounts.js'
import type { Measured } from './filesystem/statistics.js'

const LABELS = ['device', 'mountpoint', 'fstype', 'device_error']
const gauge = (name: string, help: string) =>
  family(`node_filesystem_${name}`, 'gauge', help, LABELS)

const SIZE = gauge('size_bytes', 'Filesystem size in bytes.')
const FREE = gauge('free_bytes', 'Filesystem free space in bytes.')
const AVAILABLE = gauge('avail_bytes', 'Filesystem space available to non-root users in bytes.')
const FILES = gauge('files', 'Filesystem total file nodes.')
const FILES_FREE = gauge('files_free', 'Filesystem total free file nodes.')
/** node_exporter shows it on Linux too, as 0. */
const PURGEABLE = gauge(
  'purgeable_bytes',
  'Filesystem space available including purgeable space (MacOS specific).',
)
const READONLY = gauge('readonly', 'Filesystem read-only status.')
const DEVICE_ERROR = gauge(
  'device_error',
  'Whether an error occurred while getting statistics for the given device.',
)
const MOUNT_INFO = family('node_filesystem_mount_info', 'gauge', 'Filesystem mount information.', [
  'device',
  'major',
  'minor',
  'mountpoint',
])

/** The mounts of the host; those of this process if those of the first process are hidden. */
export function mountsIn(files: HostFiles, root: string): Mount[] {
  let text: string
  try {
    text = files.proc('1/mountinfo')
  } catch (error) {
    if (!isMissing(error)) throw error
    text = files.proc('self/mountinfo')
  }
  return mountsOf(text, root)
}

/** A filesystem that is mounted twice at one place is shown once. */
export function putFilesystems(
  mounts: readonly Mount[],
  measured: readonly Measured[],
  sink: SampleSink,
): void {
  const seen = new Set<string>()
  mounts.forEach((mount, i) => {
    const result = measured[i]
    const error = typeof result === 'string' ? result : ''
    const labels = [mount.device, mount.mountPoint, mount.type, error]
    const key = JSON.stringify(labels)
    if (seen.has(key)) return
    seen.add(key)
    sink.put(DEVICE_ERROR, error === '' ? 0 : 1, ...labels)
    sink.put(READONLY, mount.readonly ? 1 : 0, ...labels)
    if (typeof result === 'string') return
    sink.put(SIZE, result.blocks * result.bsize, ...labels)
    sink.put(FREE, result.bfree * result.bsize, ...labels)
    sink.put(AVAILABLE, result.bavail * result.bsize, ...labels)
    sink.put(FILES, result.files, ...labels)
    sink.put(FILES_FREE, result.ffree, ...labels)
    sink.put(MOUNT_INFO, 1, mount.device, mount.major, mount.minor, mount.mountPoint)
    sink.put(PURGEABLE, 0, ...labels)
  })
}
