import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { exposer } from '../../cli/exposer.js'
import { create } from '../../cli/topic.js'
import { freePort } from '../../dev/local/ports.js'
import { Folder } from '../shared/http/web-config/certificates.js'
import { eventually } from '../support/eventually.js'
import { invoke } from './invoke.js'

const folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

const brokers = '--kafka.brokers=127.0.0.1:1'

describe('help', () => {
  test('lists each flag with its default or placeholder, help and environment variable', async () => {
    const { code, stdout } = await invoke(exposer, ['--help'])
    expect(code).toBe(0)
    await expect(stdout).toMatchFileSnapshot('./exposer-help.txt')
  })

  test('is wrapped at the width of the terminal', async () => {
    for (const command of [exposer, create]) {
      const { stdout } = await invoke(command, ['--help'])
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    }
  })

  test('and version are printed even if other flags are invalid', async () => {
    expect((await invoke(exposer, ['--nonsense', '-h'])).code).toBe(0)
    const { stdout } = await invoke(exposer, ['--nonsense', '--version'])
    expect(stdout).toMatch(/^kafka-exposer, version 1\.2\.3 \(node /)
  })
})

describe('a configuration', () => {
  const valid = 'The flags and their files are valid.\n'

  test('is checked before the topic, which needs a broker', async () => {
    const { stdout, error } = await invoke(exposer, [brokers, '--check-config'])
    expect(stdout).toBe(valid)
    expect(error?.message).toMatch(/nothing listens at/)
  })

  test('can come from the environment alone', async () => {
    const environment = {
      KAFKA_BROKERS: '127.0.0.1:1,127.0.0.1:2',
      WEB_LISTEN_ADDRESS: '127.0.0.1:0',
      LOG_LEVEL: 'debug',
    }
    expect((await invoke(exposer, ['--check-config'], { environment })).stdout).toBe(valid)
  })

  test('is refused with all problems, including those in files and between flags', async () => {
    const config = file(
      'kafka.yml',
      'sasl:\n  mechanism: kerberos\n  username: x\nssl: maybe\nextra: 1\n',
    )
    const { error } = await invoke(
      exposer,
      [
        '--check-config',
        `--kafka.config.file=${config}`,
        '--kafka.heartbeat-interval=10s',
        '--staleness.forget=1m',
        `--web.config.file=${file('web.yml', 'tls_server_config:\n  key_file: x\nusers: {}\n')}`,
        '--exposition.view=some',
        '--web.external-url=exposer:9754',
      ],
      { environment: { KAFKA_SESSION_TIMEOUT: '15s', REPLAY_WINDOW: 'ten' } },
    )
    const lines = error!.message.split('\n')
    expect(lines).toEqual([
      '--kafka.brokers: is required; set it or the environment variable KAFKA_BROKERS',
      '--replay.window (from $REPLAY_WINDOW): "ten" is not a duration; write it as 15s, 2m, 1h30m or 500ms',
      '--web.external-url: "exposer:9754" is not a URL; write it as http://host:9754',
      '--exposition.view: "some" is not one of latest, timestamped, all',
      expect.stringMatching(/^--kafka\.config\.file: .*kafka\.yml: ssl: /),
      expect.stringMatching(/^--kafka\.config\.file: .*kafka\.yml: sasl\.mechanism: /),
      expect.stringMatching(/^--kafka\.config\.file: .*kafka\.yml: the file: .*extra/),
      '--kafka.heartbeat-interval: must be at most a third of --kafka.session-timeout (15s); otherwise one lost heartbeat can cost the shard its partitions',
      '--staleness.forget: must not be less than --staleness.max-age (2m)',
      expect.stringMatching(/^--web\.config\.file: .*web\.yml: users: unknown key$/),
      expect.stringMatching(
        /^--web\.config\.file: .*web\.yml: tls_server_config: cert_file .* is required/,
      ),
    ])
  })

  test.each([
    ['ssl: true', undefined],
    ['ssl:\n  ca_file: ca.pem\nsasl:\n  mechanism: plain\n  username: u\n  password: p', undefined],
    ['sasl:\n  mechanism: plain\n  username: u\n  password_file: secret', undefined],
    ['', undefined],
    ['sasl:\n  mechanism: plain\n  username: u', /sasl: needs either password or password_file/],
    [
      'sasl:\n  mechanism: plain\n  username: u\n  password: p\n  password_file: secret',
      /needs either/,
    ],
    ['ssl:\n  ca_file: missing.pem', /ENOENT.*missing\.pem/],
    ['ssl: [', /kafka\.yml: /],
  ])('--kafka.config.file with %j', async (yaml, problem) => {
    file('ca.pem', 'certificate')
    file('secret', 'hunter2\n')
    const { stdout, error } = await invoke(exposer, [
      brokers,
      '--check-config',
      `--kafka.config.file=${file('kafka.yml', yaml)}`,
    ])
    if (problem) expect(error?.message).toMatch(problem)
    else expect(stdout).toBe(valid)
  })
})

describe('--remote-write.config.file', () => {
  const checked = (yaml: string, ...more: string[]) =>
    invoke(exposer, [
      brokers,
      '--check-config',
      `--remote-write.config.file=${file('remote-write.yml', yaml)}`,
      ...more,
    ])

  test('is checked with the flags: each problem has the path of its value', async () => {
    const { error } = await checked(
      [
        'global: {external_labels: {__name__: x}}',
        'remote_write:',
        '  - {urll: "http://a/w", queue_config: {max_shard: 3}, remote_timeout: 0s}',
        '  - {url: "http://b/w", name: b}',
        '  - {url: "http://c/w", name: b}',
      ].join('\n'),
    )
    const problems = error!.message.split('\n').map(line => line.replace(/^.*yml: /, ''))
    expect(problems).toEqual(
      expect.arrayContaining([
        'global.external_labels: "__name__" is not the name of a label',
        'remote_write.0.url: is required',
        'remote_write.0.urll: unknown key',
        'remote_write.0.queue_config.max_shard: unknown key',
        'remote_write.0.remote_timeout: must be more than 0s',
      ]),
    )
    const twice = await checked(
      'remote_write: [{url: "http://b/w", name: b}, {url: "http://c/w", name: b}]',
    )
    expect(twice.error?.message).toMatch(/remote_write\.1\.name: .*name of its own$/)
    expect((await checked('')).error?.message).toMatch(/yml: remote_write: is required$/)
  })

  test('is refused if a file of credentials or certificates is missing or invalid', async () => {
    const receiver = (name: string, rest: string) =>
      `  - {url: "https://a/w", name: ${name}, ${rest}}\n`
    file('no-ca.pem', 'hello')
    const { stdout, code } = await checked(
      `remote_write:\n${receiver('a', 'basic_auth: {username: u, password_file: gone}')}${receiver('b', 'tls_config: {ca_file: gone.pem}')}${receiver('c', 'tls_config: {cert_file: no-ca.pem, key_file: no-ca.pem}')}`,
    )
    expect(code).toBe(1)
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(/^receiver a: unable to read basic auth password file .*gone/),
      expect.stringMatching(/^receiver b: .*gone\.pem/),
      expect.stringMatching(/^receiver c: ./),
    ])
  })

  test('is accepted without problems', async () => {
    expect((await checked('remote_write: [{url: "http://a/w"}]')).stdout).toBe(
      'The flags and their files are valid.\n',
    )
  })
})

describe('a web configuration', () => {
  const hash = '$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG'
  const checked = (yaml: string, ...more: string[]) =>
    invoke(exposer, [
      brokers,
      '--check-config',
      `--web.config.file=${file('web.yml', yaml)}`,
      ...more,
    ])

  test('is accepted if it is valid, and refused if a file that it names is missing', async () => {
    const accepted = await checked(`basic_auth_users:\n  alice: ${hash}\n`)
    expect(accepted.stdout).toBe('The flags and their files are valid.\n')
    const { error } = await checked(
      'tls_server_config:\n  cert_file: none.pem\n  key_file: none.key\n',
    )
    expect(error?.message.split('\n')).toEqual([
      expect.stringMatching(
        /^--web\.config\.file: .*web\.yml: tls_server_config\.cert_file: ENOENT/,
      ),
      expect.stringMatching(
        /^--web\.config\.file: .*web\.yml: tls_server_config\.key_file: ENOENT/,
      ),
    ])
  })

  test('with TLS is refused together with an http advertise address', async () => {
    const certificates = new Folder()
    const { certFile, keyFile } = certificates.selfSigned('server')
    const yaml = `tls_server_config:\n  cert_file: ${certFile}\n  key_file: ${keyFile}\n`
    const { error } = await checked(yaml, '--web.advertise-address=http://shard-1:9754')
    certificates.remove()
    expect(error?.message).toMatch(/^--web\.advertise-address: must begin with https/)
  })
})

describe('without a Kafka', () => {
  test('a shard runs, is healthy but not ready, fails scrapes with the reason, and can be stopped', async () => {
    const ending = new AbortController()
    const port = await freePort()
    const running = invoke(
      exposer,
      [brokers, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
      { signal: ending.signal },
    )
    const url = `http://127.0.0.1:${port}`
    await eventually(async () => {
      const ready = await fetch(`${url}/-/ready`)
      expect(ready.status).toBe(503)
      expect(await ready.text()).toMatch(/nothing listens at 127\.0\.0\.1:1/)
    })
    expect((await fetch(`${url}/-/healthy`)).status).toBe(200)
    const held = await fetch(`${url}/target?job=a`, {
      headers: { 'x-prometheus-scrape-timeout-seconds': '0.1' },
    })
    expect(held.status).toBe(503)
    expect(await held.text()).toMatch(/nothing listens at 127\.0\.0\.1:1/)
    ending.abort()
    expect((await running).code).toBe(0)
    await expect(fetch(`${url}/-/healthy`)).rejects.toThrow()
  })

  test('the error for a port that is in use names the port and the flag', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const { error } = await invoke(exposer, [
      brokers,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ])
    expect(error?.message).toBe(
      `cannot listen on 127.0.0.1:${port}: the address is already in use; choose another --web.listen-address`,
    )
    server.close()
  })
})
