import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { gateway } from '../../cli/gateway.js'
import { freePort } from '../../dev/local/ports.js'
import { createTopics } from '../../shared/kafka/topics.js'
import { eventually } from '../support/eventually.js'
import { name } from '../support/kafka.js'
import { invoke } from './invoke.js'

const folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

const brokers = '--kafka.brokers=127.0.0.1:1'
const VALID = 'The flags and their files are valid.\n'

test('help lists each flag with its default or placeholder, help and environment variable', async () => {
  const { code, stdout } = await invoke(gateway, ['--help'])
  expect(code).toBe(0)
  await expect(stdout).toMatchFileSnapshot('./gateway-help.txt')
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})

describe('the configuration of a gateway', () => {
  const check = (...flags: string[]) => invoke(gateway, ['--check-config', ...flags])

  test('needs brokers or a Redis endpoint, and not both', async () => {
    expect((await check()).error?.message).toMatch(/^--kafka.brokers: is required, unless/)
    expect((await check(brokers, '--redis.endpoint=:6379')).error?.message).toMatch(
      /^--redis.endpoint: .* remove it or --kafka.brokers/,
    )
    expect(await check('--redis.endpoint=:6379')).toMatchObject({ code: 0, stdout: VALID })
  })

  test.each([
    ['--redis.key-prefix=a{b}', 'must not contain braces'],
    ['--redis.mode=server --redis.endpoint=:2', 'server has one address'],
    ['--redis.mode=cluster --redis.database=1', 'a Redis Cluster has only 0'],
    ['--redis.wait-replicas=1 --redis.timeout=1s', 'must be shorter than --redis.timeout'],
  ])('refuses %s', async (line, problem) => {
    const { error } = await check('--redis.endpoint=:6379', ...line.split(' '))
    expect(error?.message).toContain(problem)
  })

  test('accepts the flags of Pushgateway and of PushGatewayRedis', async () => {
    const { error, code } = await check(
      '--redis.endpoint=a:1,b:2',
      '--redis.expiration=1h',
      ...['-p', '9000', '-m', '/m', '-t', '/t', '-i', '/i'],
      '--persistence.file=/var/lib/pushgateway.data',
      '--persistence.interval=5m',
      '--web.enable-lifecycle',
      '--web.enable-admin-api',
      '--web.route-prefix=/push',
      '--push.disable-consistency-check',
      '--push.enable-utf8-names',
      '--log.format=json',
    )
    expect(error).toBeUndefined()
    expect(code).toBe(0)
  })

  test('accepts the file of PushGatewayRedis instead of flags', async () => {
    const config = file(
      'pushgw.yml',
      'port: 9753\nmetrics_path: /metrics\nredis:\n  endpoint: "localhost:6379"\n  expiration: 5m0s\n  db: 0\n  pool_size: 10\n',
    )
    expect((await check(`--config.file=${config}`)).code).toBe(0)
    const wrong = file('wrong.yml', 'prot: 9753\nredis:\n  expiration: often\n')
    expect((await check(`--config.file=${wrong}`)).error?.message.split('\n')).toEqual([
      expect.stringMatching(/redis\.expiration: often is not a duration/),
      expect.stringMatching(/prot/),
    ])
  })

  test.each(['instance', 'job,__name__', 'job,job'])(
    'is refused with the target labels %s',
    async labels => {
      const { error } = await check(brokers, `--write.target-labels=${labels}`)
      expect(error!.message).toMatch(/^--write.target-labels: /)
    },
  )

  test('is refused with all contradictions', async () => {
    const { error } = await check(
      brokers,
      '--tls.enabled',
      '--ingest.path=/metrics',
      `--redis.config.file=${file('redis.yml', 'pasword: x\n')}`,
      '--limit.rate=-1',
    )
    expect(error!.message.split('\n')).toEqual([
      expect.stringMatching(/^--limit.rate: "-1" is not an integer/),
      '--tls.enabled: needs --tls.cert and --tls.key',
      expect.stringMatching(/^--redis.config.file: .*redis.yml: the file: .*pasword/),
      '--ingest.path: is the same path as --metrics.path',
    ])
  })
})

test('a gateway keeps what was pushed when it is started again, and ends by /-/quit', async () => {
  const topics = {
    pushes: name('pushes'),
    pushSnapshots: name('push-snapshots'),
    snapshots: name('snapshots'),
    writes: name('writes'),
  }
  await createTopics({ brokers: inject('brokers') }, 'gateway', { partitions: 1 }, { topics })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const flags = [
    `--kafka.brokers=${inject('brokers').join(',')}`,
    `--kafka.pushes-topic=${topics.pushes}`,
    `--kafka.push-snapshots-topic=${topics.pushSnapshots}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-lifecycle',
    '--log.level=error',
  ]
  expect((await invoke(gateway, [...flags, '--check-config'])).stdout).toContain(
    'The topics have the settings that pushes require.',
  )
  const run = async () => {
    const ended = invoke(gateway, flags)
    await eventually(async () => expect((await fetch(`${url}/-/ready`)).status).toBe(200))
    return { ended }
  }
  const quit = () => fetch(`${url}/-/quit`, { method: 'POST' })

  const first = await run()
  const body = '# TYPE done counter\ndone 7\n'
  expect((await fetch(`${url}/metrics/job/backup`, { method: 'PUT', body })).status).toBe(200)
  const metrics = await (await fetch(`${url}/telemetry`)).text()
  expect(metrics).toMatch(/^gateway_applied_offset [1-9]/m)
  expect(metrics).toMatch(/^gateway_groups 1$/m)
  await quit()
  expect(await first.ended).toMatchObject({ code: 0 })

  const second = await run()
  expect(await (await fetch(`${url}/metrics`)).text()).toContain(
    '\ndone{instance="",job="backup"} 7\n',
  )
  await quit()
  expect(await second.ended).toMatchObject({ code: 0 })
})
