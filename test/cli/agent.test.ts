import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { loadAgentFileSteps } from '../../agent/scrape/config/load.js'
import { agentConfig, agentProblems } from '../../cli/agent/config.js'
import { ConfigFile } from '../../cli/agent/config-file.js'
import { agentFlags } from '../../cli/agent/flags.js'
import { createSink } from '../../cli/agent/sink.js'
import { agent } from '../../cli/agent.js'
import { freePort } from '../../dev/local/ports.js'
import { parseFlags } from '../../shared/base/flags/parse.js'
import { runNow } from '../../shared/base/steps.js'
import { Peer } from '../shared/http/client/peer.js'
import { eventually } from '../support/eventually.js'
import { newTopic, silent } from '../support/kafka.js'
import { invoke } from './invoke.js'

const folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

const brokers = '--kafka.brokers=127.0.0.1:1'
const configOf = (...flags: string[]) =>
  agentConfig(parseFlags(agentFlags, [brokers, ...flags]), {}, '1', new ConfigFile({}))
const jobsOf = (...flags: string[]) => runNow(configOf(...flags).loadPlan()).plan.jobs

test('help lists each flag with its default or placeholder, help and environment variable', async () => {
  const { code, stdout } = await invoke(agent, ['--help'])
  expect(code).toBe(0)
  await expect(stdout).toMatchFileSnapshot('./agent-help.txt')
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})

describe('the flags of an agent', () => {
  test('need brokers, or a receiver of remote write', async () => {
    const { error } = await invoke(agent, [])
    expect(error?.message).toBe(
      '--kafka.brokers: is required; set it or the environment variable KAFKA_BROKERS, or --remote-write.url, or remote_write in --config.file',
    )
    const valid = await invoke(agent, ['--remote-write.url=http://127.0.0.1:1/w', '--check-config'])
    expect(valid.error).toBeUndefined()
  })

  test('name targets of a sidecar, with an instance of their own', () => {
    const jobs = jobsOf(
      '--host.instance=pod-1',
      '--scrape.target=shop=http://127.0.0.1:8080',
      '--scrape.target=shop=https://app:443/a%20b?x=1',
      '--scrape.target=other=http://[::1]:9/m',
      '--scrape.interval=5s',
    )
    expect(jobs).toMatchObject([
      {
        name: 'shop',
        intervalMs: 5000,
        timeoutMs: 5000,
        groups: [
          {
            targets: ['127.0.0.1:8080'],
            labels: { __metrics_path__: '/metrics', __scheme__: 'http', instance: 'pod-1:8080' },
          },
          {
            targets: ['app:443'],
            labels: { __metrics_path__: '/a b', __scheme__: 'https', __param_x: '1' },
          },
        ],
      },
      { name: 'other', groups: [{ targets: ['[::1]:9'], labels: { instance: 'pod-1:9' } }] },
    ])
    expect(jobs[0].groups[1].labels).not.toHaveProperty('instance')
  })

  test.each([
    ['http://x', 'is not a target; write it as shop=http://127.0.0.1:8080/metrics'],
    ['a=ftp://x', 'is not a target'],
    ['a=http://u:p@x', 'must not contain a user name or password: use --config.file'],
  ])('refuse the target %s', async (target, problem) => {
    const { error } = await invoke(agent, [brokers, `--scrape.target=${target}`])
    expect(error?.message).toContain(problem)
  })

  test('collect the machine unless there are targets, or if a collector is enabled', () => {
    const target = '--scrape.target=a=http://x'
    expect(configOf().host).toMatchObject({ job: 'node', instance: hostname(), intervalMs: 15_000 })
    expect(configOf(target).host).toBeUndefined()
    expect(configOf(target, '--host.metrics=on').host).toBeDefined()
    expect(configOf('--host.metrics=off').host).toBeUndefined()
    expect(configOf(target, '--collector.cpu').host?.options.collectors).toMatchObject({
      cpu: true,
      loadavg: true,
    })
    const few = configOf('--collector.disable-defaults', '--collector.cpu').host
    expect(few?.options.collectors).toMatchObject({ cpu: true, loadavg: false })
    expect(configOf('--no-collector.cpu').host?.options.collectors.cpu).toBe(false)
  })

  test('name a valid file, of which all problems are told', async () => {
    const path = file('bad.yml', 'scrape_configs: [{job_name: a, x: 1}, {job_name: a}]')
    const { error } = await invoke(agent, [brokers, `--config.file=${path}`])
    expect(error?.message).toBe(`--config.file: ${path}: scrape_configs[0].x: unknown key`)
    const missing = await invoke(agent, [brokers, '--config.file=/missing.yml'])
    expect(missing.error?.message).toContain('no such file or directory')
  })

  test('have no job twice', async () => {
    const path = file('job.yml', 'scrape_configs: [{job_name: a}]')
    const flags = [brokers, `--config.file=${path}`, '--scrape.target=a=http://x']
    expect((await invoke(agent, flags)).error?.message).toContain(
      'the job "a" is also one of --scrape.target',
    )
  })

  test('read further files with scrape configurations', () => {
    file('more-1.yml', 'scrape_configs: [{job_name: b}]')
    file('more-2.yml', 'scrape_configs: [{job_name: c, scrape_interval: 5s}]')
    const path = file(
      'main.yml',
      'global: {scrape_interval: 7s}\nscrape_config_files: ["more-*.yml"]\nscrape_configs: [{job_name: a}]',
    )
    const times = jobsOf(`--config.file=${path}`).map(job => [job.name, job.intervalMs])
    expect(times).toEqual([
      ['a', 7000],
      ['b', 7000],
      ['c', 5000],
    ])
    file('more-3.yml', 'scrape_configs: [{job_name: a}]')
    expect(() => jobsOf(`--config.file=${path}`)).toThrow(
      `${join(folder, 'more-3.yml')}: found multiple scrape configs with job name "a"`,
    )
  })
})

test('the file is parsed once at the start, for its check, its receivers and its targets', async () => {
  const path = file(
    'once.yml',
    'remote_write: [{url: "http://x"}]\nscrape_configs: [{job_name: a}]',
  )
  const loads: string[] = []
  const configFile = new ConfigFile({}, (...parameters) => {
    loads.push(parameters[0])
    return loadAgentFileSteps(...parameters)
  })
  const check = agentProblems(configFile)
  const values = parseFlags(agentFlags, [`--config.file=${path}`], {}, check)
  await createSink(values, configFile, { logger: silent, version: '1', environment: {} })
  const { loadPlan } = agentConfig(values, {}, '1', configFile)
  expect(runNow(loadPlan()).plan.jobs).toMatchObject([{ name: 'a' }])
  expect(loads).toEqual([path])
  file('once.yml', 'scrape_configs: [{job_name: b}]')
  expect(runNow(loadPlan()).plan.jobs).toMatchObject([{ name: 'b' }])
  file('once.yml', 'scrape_configs: [{job_name: c}]')
  expect(runNow(loadPlan()).plan.jobs).toMatchObject([{ name: 'c' }])
})

test('an agent publishes a sidecar by the command line of a Prometheus agent, reloads its file, and ends', async () => {
  const target = await Peer.start((_, response) =>
    response.writeHead(200, { 'content-type': 'text/plain' }).end('a 1\n'),
  )
  const port = await freePort()
  const ending = new AbortController()
  const flags = [
    `--kafka.brokers=${inject('brokers').join()}`,
    `--kafka.topic=${await newTopic(1)}`,
    `--scrape.target=shop=${target.url().href}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--config.file=${file('empty.yml', 'remote_write: [{url: "http://x"}]')}`,
    ...['--agent', '--enable-feature=agent', '--storage.agent.path=data-agent/'],
    ...['--log.level=error', '--scrape.interval=1s'],
  ]
  expect(await invoke(agent, [...flags, '--check-config'])).toMatchObject({
    code: 0,
    stdout:
      'The flags and their files are valid.\nThe topic has the settings that snapshots require.\n',
  })
  try {
    const ended = invoke(agent, flags, { signal: ending.signal })
    await eventually(async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      expect(text).toMatch(/^agent_targets\{health="up"\} 1$/m)
      expect(text).toMatch(/^agent_pending 0$/m)
    })
    file('empty.yml', 'scrape_configs: [{job_name: other, static_configs: [{targets: ["x:1"]}]}]')
    process.emit('SIGHUP', 'SIGHUP')
    await eventually(async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      expect(text).toMatch(/^agent_scrape_pool_targets\{scrape_job="other"\} 1$/m)
    })
    ending.abort()
    expect(await ended).toMatchObject({ code: 0, error: undefined })
  } finally {
    ending.abort()
    await target.stop()
  }
})
