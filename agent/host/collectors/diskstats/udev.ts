import {
  type FamilySpec,
  family,
  type HostFiles,
  optional,
  type SampleSink,
} from '../../collector.js'
import { linesOf } from '../../parse.js'

const FILESYSTEM_INFO = family(
  'node_disk_filesystem_info',
  'gauge',
  'Info about disk filesystem.',
  ['device', 'type', 'usage', 'uuid', 'version'],
)
const DEVICE_MAPPER_INFO = family(
  'node_disk_device_mapper_info',
  'gauge',
  'Info about disk device mapper.',
  ['device', 'name', 'uuid', 'vg_name', 'lv_name', 'lv_layer'],
)

const ata = (name: string, help: string) =>
  family(`node_disk_ata_${name}`, 'gauge', help, ['device'])

/** Families of ATA devices by property. */
const ATA_FAMILIES: readonly (readonly [string, FamilySpec])[] = [
  ['ID_ATA_WRITE_CACHE', ata('write_cache', 'ATA disk has a write cache.')],
  [
    'ID_ATA_WRITE_CACHE_ENABLED',
    ata('write_cache_enabled', 'ATA disk has its write cache enabled.'),
  ],
  [
    'ID_ATA_ROTATION_RATE_RPM',
    ata('rotation_rate_rpm', 'ATA disk rotation rate in RPMs (0 for SSDs).'),
  ],
]

const NONE: ReadonlyMap<string, string> = new Map()

/** Properties of a block device in the database of udev. Empty without it, as in containers. */
export function udevProperties(
  files: HostFiles,
  major: string,
  minor: string,
): ReadonlyMap<string, string> {
  const text = optional(() => files.udev(`b${major}:${minor}`))
  if (text === null) return NONE
  const properties = new Map<string, string>()
  for (const line of linesOf(text)) {
    const equals = line.indexOf('=')
    if (line.startsWith('E:') && equals > 0)
      properties.set(line.slice(2, equals), line.slice(equals + 1))
  }
  return properties
}

export function putUdevInfo(
  udev: ReadonlyMap<string, string>,
  device: string,
  sink: SampleSink,
): void {
  const put = (family: FamilySpec, ...properties: readonly string[]) => {
    if (udev.get(properties[0]))
      sink.put(family, 1, device, ...properties.map(name => udev.get(name) ?? ''))
  }
  put(FILESYSTEM_INFO, 'ID_FS_TYPE', 'ID_FS_USAGE', 'ID_FS_UUID', 'ID_FS_VERSION')
  put(DEVICE_MAPPER_INFO, 'DM_NAME', 'DM_UUID', 'DM_VG_NAME', 'DM_LV_NAME', 'DM_LV_LAYER')
  if (!udev.get('ID_ATA')) return
  for (const [property, family] of ATA_FAMILIES) {
    const text = udev.get(property)
    if (text && /^[0-9]{1,15}$/.test(text)) sink.put(family, Number(text), device)
  }
}
