import { describe, expect, inject, test } from 'vitest'
import { check, create } from '../../cli/topic.js'
import { name } from '../support/kafka.js'
import { invoke } from './invoke.js'

const nobody = '--kafka.brokers=127.0.0.1:1'
const brokers = () => `--kafka.brokers=${inject('brokers').join(',')}`

describe('help', () => {
  test.each([
    ['check', check],
    ['create', create],
  ])('of topic %s names every program, and is not wider than the terminal', async (file, command) => {
    const { code, stdout } = await invoke(command, ['--help'])
    expect(code).toBe(0)
    await expect(stdout).toMatchFileSnapshot(`./topic-${file}-help.txt`)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })
})

test('a program that does not exist is refused with those that do', async () => {
  const { error } = await invoke(check, [nobody, '--for=publisher'])
  expect(error?.message).toBe('--for: "publisher" is none of exposer, producer, gateway, agent')
})

test('a topic is created once, and the check that follows says what it is and what to grant', async () => {
  const topic = name('cli')
  const argv = [brokers(), `--kafka.topic=${topic}`, '--partitions=3', '--kafka.group=mine']
  const first = await invoke(create, argv)
  expect(first.code).toBe(0)
  expect(first.stdout.split('\n')).toEqual([
    `topic ${topic} is created`,
    `topic ${topic}: 3 partitions, replication factor 1, LogAppendTime, retention 1h`,
    'Nothing is wrong with it.',
    '',
    'Where the cluster asks for authorization, grant:',
    expect.stringMatching(`User:<exposer> .*--topic ${topic}$`),
    expect.stringMatching(/User:<exposer> .*--group mine$/),
    'For other programs: --for=producer, gateway, agent',
    '',
  ])
  expect((await invoke(create, argv)).stdout).toContain(`topic ${topic} was there already\n`)
})

test.each(['producer', 'agent'])(
  '%s: the snapshots are checked, and only its own grants are listed',
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

test('gateway: all four topics are created and checked, and the grants let it delete records', async () => {
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
