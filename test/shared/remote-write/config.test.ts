import { expect, test } from 'vitest'
import {
  parseRemoteWriteFile,
  RemoteWriteConfigError,
} from '../../../shared/remote-write/config.js'

test("a receiver has Prometheus's defaults, with protocol 2.0 first", () => {
  const { remotes, external } = parseRemoteWriteFile(`
global:
  external_labels: {replica: a, cluster: b}
remote_write:
  - url: http://receiver:9090/api/v1/write
`)
  expect(external).toEqual([
    { name: 'cluster', value: 'b' },
    { name: 'replica', value: 'a' },
  ])
  expect(remotes).toHaveLength(1)
  expect(remotes[0]!.remote).toMatchObject({
    name: expect.stringMatching(/^[0-9a-f]{6}$/),
    protocol: '2.0',
    timeoutMs: 30_000,
    metadataIntervalMs: 60_000,
    queue: {
      capacity: 10_000,
      minShards: 1,
      maxShards: 50,
      maxSamplesPerSend: 2000,
      batchSendDeadlineMs: 5000,
      minBackoffMs: 30,
      maxBackoffMs: 5000,
      retryOn429: true,
      sampleAgeLimitMs: 0,
    },
  })
})

test.each([
  ['remote_write: [{url: "ftp://x"}]', ['remote_write.0.url: "ftp://x" is not an http URL']],
  ['remote_write: [{url: "http://x", bogus: 1}]', ['remote_write.0.bogus: unknown key']],
  [
    'remote_write: [{url: "http://x", queue_config: {capazity: 1}}]',
    ['remote_write.0.queue_config.capazity: unknown key'],
  ],
  [
    'remote_write: [{url: "http://x", remote_timeout: soon}]',
    ['remote_write.0.remote_timeout: "soon" is not a duration'],
  ],
  [
    'remote_write: [{url: "http://x"}, {url: "http://x"}]',
    [expect.stringMatching(/^remote_write\.1\.name: .*name of its own$/)],
  ],
  [
    'remote_write: [{url: "http://x", sigv4: {}}]',
    [expect.stringMatching(/^remote_write\.0\.sigv4: is not supported/)],
  ],
  [
    'remote_write: [{url: "http://x", write_relabel_configs: [{regex: "a(", action: drop}, {action: replace}]}]',
    [
      expect.stringMatching(/^remote_write\.0\.write_relabel_configs\.0\.regex: error parsing/),
      expect.stringMatching(/^remote_write\.0\.write_relabel_configs\.1\.target_label: .*requires/),
    ],
  ],
  [
    'remote_write: [{url: "http://x", write_relabel_configs: [{source_label: a}]}]',
    ['remote_write.0.write_relabel_configs.0.source_label: unknown key'],
  ],
  [
    'remote_write: [{url: "http://x", name: "Mimir (eu)"}, {url: "http://y", name: mimir-writes}]',
    [
      expect.stringMatching(/^remote_write\.0\.name: "Mimir \(eu\)" must have letters/),
      expect.stringMatching(/^remote_write\.1\.name: "mimir-writes" must not end with -writes/),
    ],
  ],
  [
    `remote_write: [{url: "http://x", name: ${'m'.repeat(101)}}]`,
    ['remote_write.0.name: must have at most 100 characters'],
  ],
  ['scrape_configs: []', [expect.stringContaining('remote_write'), 'scrape_configs: unknown key']],
  ['remote_write: [', [expect.any(String)]],
])('%s is refused with what is wrong', (text, problems) => {
  let error: unknown
  try {
    parseRemoteWriteFile(text)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(RemoteWriteConfigError)
  expect((error as RemoteWriteConfigError).problems).toEqual(problems)
})
