import { describe, expect, inject, test } from 'vitest'
import { check, create } from '../../cli/topic.js'
import { name } from '../support/kafka.js'
import { invoke } from './invoke.js'

const unreachable = '--kafka.brokers=127.0.0.1:1'
const brokers = () => `--kafka.brokers=${inject('brokers').join(',')}`

describe('help', () => {
  test.each([
    ['check', check],
    ['create', create],
  ])(
    'of topic %s names all programs and is wrapped at the width of the terminal',
    async (file, command) => {
      const { code, stdout } = await invoke(command, ['--help'])
      expect(code).toBe(0)
      await expect(stdout).toMatchFileSnapshot(`./topic-${file}-help.txt`)
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    },
  )
})

test('the error for an unknown program lists the known ones', async () => {
  const { error } = await invoke(check, [unreachable, '--for=publisher'])
  expect(error?.message).toBe('--for: "publisher" is not one of exposer, producer, gateway, agent')
})

test('a topic is created once, and its settings and the ACLs to grant are printed', async () => {
  const topic = name('cli')
  const argv = [brokers(), `--kafka.topic=${topic}`, '--partitions=3', '--kafka.group=mine']
  const first = await invoke(create, argv)
  expect(first.code).toBe(0)
  expect(first.stdout.split('\n')).toEqual([
    `created topic ${topic}`,
    `topic ${topic}: 3 partitions, replication factor 1, LogAppendTime, retention 1h`,
    'No problems found.',
    '',
    'ACLs to grant if the cluster uses authorization:',
    expect.stringMatching(`User:<exposer> .*--topic ${topic}$`),
    expect.stringMatching(/User:<exposer> .*--group mine$/),
    'In addition with --remote-write.url:',
    expect.stringMatching(/User:<exposer> .*--topic metrics\.writes$/),
    expect.stringMatching(/--group mine-remote-write- --resource-pattern-type prefixed$/),
    'ACLs of other programs: --for=producer, gateway, agent',
    '',
  ])
  expect((await invoke(create, argv)).stdout).toContain(`topic ${topic} already exists\n`)
})

test.each(['producer', 'agent'])(
  '%s: the topic of the snapshots is checked, and only the ACLs of this program are printed',
  async role => {
    const topic = name('cli')
    const argv = [brokers(), `--kafka.topic=${topic}`, `--for=${role}`]
    const missing = await invoke(check, argv)
    expect(missing.code).toBe(1)
    expect(missing.stdout).toContain(`error: topic ${topic} does not exist`)
    expect((await invoke(create, argv)).code).toBe(0)
    const { code, stdout } = await invoke(check, argv)
    expect(code).toBe(0)
    expect(stdout.match(/User:<\w+>/g)).toEqual([`User:<${role}>`])
    expect(stdout).toContain(`--operation Write --operation Describe --topic ${topic}\n`)
  },
)

test('gateway: all four topics are created and checked, and the ACLs include deleting records', async () => {
  const topic = name('cli')
  const argv = [brokers(), `--kafka.topic=${topic}`, '--for=gateway']
  const { code, stdout } = await invoke(create, argv)
  expect(stdout).toContain(
    'topic metrics.pushes: one partition, replication factor 1, LogAppendTime, retention unlimited',
  )
  expect(stdout).toContain(
    'topic metrics.writes: 12 partitions, replication factor 1, LogAppendTime, retention 1d',
  )
  expect(stdout.match(/--operation Delete --topic \S+/g)).toEqual([
    '--operation Delete --topic metrics.pushes',
    '--operation Delete --topic metrics.pushes.snapshots',
  ])
  expect(stdout).toMatch(/--group kafka-exposer-gateway --resource-pattern-type prefixed\n/)
  expect(code).toBe(0)
})
