import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { RemoteWriteOptions } from '../exposer/server/remotes.js'
import { choice, duration, flag, httpUrl, text } from '../shared/base/flags/builders.js'
import type { Problem, Values } from '../shared/base/flags/types.js'
import { fileProblems } from '../shared/http/client/check-files.js'
import { TOPICS } from '../shared/kafka/topics/profiles.js'
import {
  nameProblem,
  parseRemoteWriteFile,
  parseRemoteWriteList,
  type RemoteConfig,
  RemoteWriteConfigError,
} from '../shared/remote-write/config.js'
import { proxyEnvironment } from './proxy-environment.js'

/** Flags of remote write. */
export const remoteWriteFlags = {
  'remote-write.url': flag(httpUrl, {
    placeholder: '<url>',
    help: 'URL of a receiver of remote write, such as http://prometheus:9090/api/v1/write. All samples of the group are sent there, with up and stale markers. For more receivers, credentials and TLS: --remote-write.config.file.',
  }),
  'remote-write.name': flag(
    z.string().superRefine((name, context) => {
      const message = nameProblem(name)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    }),
    {
      default: 'default',
      placeholder: '<name>',
      help: 'Name of the receiver of --remote-write.url in metrics, and in its consumer group <kafka.group>-remote-write-<name>, whose offsets say what was sent.',
    },
  ),
  'remote-write.batch-send-deadline': flag(duration({ min: '10ms', max: '5m' }), {
    default: '5s',
    help: 'Time after which samples are sent to --remote-write.url although a request is not full.',
  }),
  'remote-write.config.file': flag(text, {
    placeholder: '<file>',
    help: "File with Prometheus's list remote_write, and external_labels in global.",
  }),
  'remote-write.writes-topic': flag(text, {
    default: TOPICS.writes.name,
    placeholder: '<topic>',
    help: 'Topic of what gateways receive by remote write. It is sent as it came, if the topic exists.',
  }),
  'remote-write.isolation-limit': flag(duration({ min: '0s', max: '7d' }), {
    default: '10m',
    help: 'Time for which samples of a target are sent again that a receiver answers with 5xx, closes the connection for or does not answer, while it stores those of other targets. Older ones are then given up, and counted. 0s: without end.',
  }),
  'remote-write.timestamps': flag(choice('collection', 'playout'), {
    default: 'collection',
    help: 'Time of samples that have none of their own: the collection time, or that plus the playout delay. One of: [collection, playout]',
  }),
}

type RemoteWriteValues = Values<typeof remoteWriteFlags>

/** Problems of the flags, and of the file that they name. */
export function remoteWriteProblems(values: Partial<RemoteWriteValues>): Problem[] {
  try {
    read(values)
    return []
  } catch (error) {
    const path = values['remote-write.config.file']
    const problems =
      error instanceof RemoteWriteConfigError ? error.problems : [(error as Error).message]
    return problems.map(problem => ({
      flag: '--remote-write.config.file',
      message: `${path}: ${problem}`,
    }))
  }
}

/**
 * Problems of the files with credentials and certificates. They may appear after the start: a
 * shard reads them with its first request.
 */
export async function remoteFileProblems(remotes: readonly RemoteConfig[]): Promise<string[]> {
  const problems = await Promise.all(
    remotes.map(async ({ remote, http, folder }) =>
      (await fileProblems(http, folder)).map(problem => `receiver ${remote.name}: ${problem}`),
    ),
  )
  return problems.flat()
}

/** @returns undefined without any receiver */
export function remoteWriteOptions(
  values: RemoteWriteValues,
  env: Readonly<Record<string, string | undefined>>,
): RemoteWriteOptions | undefined {
  const { external, remotes } = read(values)
  if (remotes.length === 0) return undefined
  return {
    external,
    remotes: remotes.map(one => ({
      ...one,
      remote: { ...one.remote, isolationLimitMs: values['remote-write.isolation-limit'] },
    })),
    playout: values['remote-write.timestamps'] === 'playout',
    writesTopic: values['remote-write.writes-topic'],
    proxyEnvironment: proxyEnvironment(env),
  }
}

function read(values: Partial<RemoteWriteValues>) {
  const path = values['remote-write.config.file']
  const configured =
    path === undefined
      ? { external: [], remotes: [] }
      : parseRemoteWriteFile(readFileSync(path, 'utf8'), dirname(path))
  const url = values['remote-write.url']
  if (url === undefined) return configured
  const one = remoteOf(url, {
    name: values['remote-write.name'],
    deadlineMs: values['remote-write.batch-send-deadline'],
  })
  const remotes = [one, ...configured.remotes]
  const names = remotes.map(({ remote }) => remote.name)
  if (new Set(names).size < names.length)
    throw new RemoteWriteConfigError([
      `a receiver has the name ${names[0]} of --remote-write.url: set another --remote-write.name`,
    ])
  return { external: configured.external, remotes }
}

/** The receiver of `--remote-write.url`. */
export function remoteOf(
  url: string,
  { name, deadlineMs }: { readonly name?: string; readonly deadlineMs?: number },
): RemoteConfig {
  const [one] = parseRemoteWriteList([
    { url, name, send_exemplars: true, send_native_histograms: true, proxy_from_environment: true },
  ])
  const queue = {
    ...one.remote.queue,
    batchSendDeadlineMs: deadlineMs ?? one.remote.queue.batchSendDeadlineMs,
  }
  return { ...one, remote: { ...one.remote, queue } }
}
