import { type HttpPart, startHttpPart } from './http-part.js'

/** Excluded in node_exporter; Debian's package excludes more. */
const MOUNT_POINTS =
  '^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)'

/** Starts node_exporter with only the given collectors, and waits until it listens. */
export const startNodeExporter = (collectors: readonly string[]): Promise<HttpPart> =>
  startHttpPart(
    'node-exporter',
    address => [
      `--web.listen-address=${address}`,
      '--log.level=warn',
      '--web.disable-exporter-metrics',
      '--collector.disable-defaults',
      `--collector.filesystem.mount-points-exclude=${MOUNT_POINTS}`,
      ...collectors.map(name => `--collector.${name}`),
    ],
    '/',
  )
