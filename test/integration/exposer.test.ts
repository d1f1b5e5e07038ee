import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { exposer } from '../../cli/exposer.js'
import { tail } from '../../cli/tail.js'
import { check, create } from '../../cli/topic.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { invoke } from '../cli/invoke.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { Fleet, publishedIn, ShardChild, startShard, targetPath } from '../support/shards.js'

const APPS = 20

const get = (url: string) => fetch(url, { redirect: 'follow' })

/** Waits until the shard serves every target, with the counter at `round` or above. */
const servesAll = (url: string, fleet: Fleet, round = 1) =>
  eventually(async () => {
    for (const app of fleet.apps) {
      const response = await get(url + targetPath(app))
      expect(response.status).toBe(200)
      expect(publishedIn(await response.text())).toBeGreaterThanOrEqual(round)
    }
  })

async function instancesIn(url: string): Promise<string[]> {
  const text = await (await get(url)).text()
  return [...text.matchAll(/^published_total\{instance="([^"]+)"/gm)].map(match => match[1])
}

async function listed(url: string): Promise<string[]> {
  const response = await get(`${url}/sd`)
  expect(response.status).toBe(200)
  const groups = (await response.json()) as { labels: { instance: string } }[]
  return groups.map(group => group.labels.instance).sort()
}

describe('two shards', () => {
  let settings: { topic: string; group: string }
  let fleet: Fleet
  let instances: string[]
  const running: { stop(): Promise<unknown> }[] = []

  const shard = async (): Promise<Exposer> => {
    const started = await startShard(settings)
    running.push(started)
    return started
  }
  const child = async (): Promise<ShardChild> => {
    const started = await ShardChild.start(settings)
    running.push({ stop: () => started.end() })
    return started
  }
  /** Waits until all shards are ready and own partitions. */
  const settled = (...urls: string[]) =>
    eventually(async () => {
      for (const url of urls) {
        expect((await get(`${url}/-/ready`)).status).toBe(200)
        const own = await get(`${url}/sd?scope=shard`)
        expect(own.headers.get('x-exposer-partitions')).toMatch(/\d/)
      }
    })

  beforeEach(async () => {
    settings = { topic: await newTopic(6), group: name('group') }
    fleet = new Fleet(settings.topic, APPS)
    instances = fleet.apps.map(app => app.labels[0].value).sort()
    await fleet.publish()
  })
  afterEach(async () => {
    await fleet.stop()
    await Promise.all(running.splice(0).map(one => one.stop()))
  })

  test('serve every target at either address, and list all targets of the group', async () => {
    const [a, b] = [await shard(), await shard()]
    await settled(a.url, b.url)
    await servesAll(a.url, fleet)
    await servesAll(b.url, fleet)
    expect(await listed(a.url)).toEqual(instances)
    expect(await listed(b.url)).toEqual(instances)
    const rows = async (url: string) => {
      const answer = (await (await get(`${url}/api/v1/targets`)).json()) as {
        data: { targets: { state: string; shard: string }[] }
      }
      return answer.data.targets
    }
    expect(new Set((await rows(a.url)).map(row => row.shard))).toEqual(new Set([a.url, b.url]))
    expect(await rows(b.url)).toHaveLength(APPS)
  })

  test('never both expose one series', async () => {
    const [a, b] = [await shard(), await shard()]
    await settled(a.url, b.url)
    const [ofA, ofB] = [
      await instancesIn(`${a.url}/metrics`),
      await instancesIn(`${b.url}/metrics`),
    ]
    expect([...ofA, ...ofB].sort()).toEqual(instances)
  })

  test('hand over: when one stops, the other serves the snapshots published before and after that', async () => {
    const [a, b] = [await shard(), await shard()]
    await settled(a.url, b.url)
    await a.stop()
    await servesAll(b.url, fleet, 1)
    await fleet.publish()
    await servesAll(b.url, fleet, 2)
    expect(await listed(b.url)).toEqual(instances)
    expect((await instancesIn(`${b.url}/metrics`)).sort()).toEqual(instances)
  })

  test('replace a killed shard after its session timeout, with all of its targets', async () => {
    const [victim, survivor] = [await child(), await shard()]
    await settled(victim.url, survivor.url)
    fleet.run()
    await victim.end('SIGKILL')
    const killed = performance.now()
    const round = fleet.round + 1
    await servesAll(survivor.url, fleet, round)
    console.log(`takeover ${((performance.now() - killed) / 1000).toFixed(1)} s after SIGKILL`)
    expect(await listed(survivor.url)).toEqual(instances)
  })

  test('hand over without waiting for the session timeout when one ends by SIGTERM', async () => {
    const [leaving, staying] = [await child(), await shard()]
    await settled(leaving.url, staying.url)
    expect(await leaving.end('SIGTERM')).toBe(0)
    await servesAll(staying.url, fleet)
    expect((await instancesIn(`${staying.url}/metrics`)).sort()).toEqual(instances)
  })
})

describe('a topic', () => {
  const brokers = () => `--kafka.brokers=${inject('brokers').join(',')}`

  test('that does not exist fails the start with the command that creates it, and that command works', async () => {
    const topic = name('new')
    const shard = await startShard({ topic, group: name('group') })
    await expect(shard.failed).rejects.toThrow(
      new RegExp(`kafka-exposer topic create --kafka.brokers=\\S+ --kafka.topic=${topic}`),
    )
    await shard.stop()
    const created = await invoke(create, [brokers(), `--kafka.topic=${topic}`, '--partitions=3'])
    expect(created.code).toBe(0)
    expect(created.stdout).toContain(
      `topic ${topic}: 3 partitions, replication factor 1, LogAppendTime`,
    )
    const checked = await invoke(check, [brokers(), `--kafka.topic=${topic}`])
    expect(checked.code).toBe(0)
    expect(checked.stdout).toContain('No problems found.')
    expect(checked.stdout).toContain('kafka-acls.sh')
    expect(
      (await invoke(exposer, [brokers(), `--kafka.topic=${topic}`, '--check-config'])).code,
    ).toBe(0)
    const ready = await startShard({ topic, group: name('group') })
    await eventually(async () => expect((await get(`${ready.url}/-/ready`)).status).toBe(200))
    await ready.stop()
  })

  test('with CreateTime is refused with the command that fixes it', async () => {
    const topic = await newTopic(1)
    await setTimestampType(topic, 'CreateTime')
    const shard = await startShard({ topic, group: name('group') })
    await expect(shard.failed).rejects.toThrow(
      /--add-config message\.timestamp\.type=LogAppendTime/,
    )
    await shard.stop()
    const checked = await invoke(check, [brokers(), `--kafka.topic=${topic}`])
    expect(checked.code).toBe(1)
    expect(checked.stdout).toContain('error: records carry the timestamps of their producers')
    const config = await invoke(exposer, [brokers(), `--kafka.topic=${topic}`, '--check-config'])
    expect(config.code).toBe(1)
    expect(config.stdout).toContain('--add-config message.timestamp.type=LogAppendTime')
  })

  test('is printed by tail, one line per record, with the reason of refused records', async () => {
    const topic = await newTopic(3)
    const fleet = new Fleet(topic, 4)
    await fleet.publish()
    await fleet.publish()
    await fleet.stop()
    const foreign = newSender(topic)
    await foreign.send(Buffer.from('key'), [Buffer.from('not a snapshot')])
    await foreign.disconnect()
    const { code, stdout, stderr } = await invoke(tail, [brokers(), `--kafka.topic=${topic}`])
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(9)
    expect(lines.filter(line => line.includes('REFUSED'))).toEqual([
      expect.stringMatching(/^\d\/\d {2}REFUSED schema: /),
    ])
    expect(lines.filter(line => line.includes('instance="app-2", job="shop"'))).toHaveLength(2)
    expect(stderr).toBe('9 records read, 1 refused\n')
    const one = await invoke(tail, [
      brokers(),
      `--kafka.topic=${topic}`,
      '--target=instance=app-1',
      '--from=earliest',
    ])
    expect(one.stdout.trimEnd().split('\n')).toHaveLength(3)
  })

  test('says how far back tail looked if it has nothing to print', async () => {
    const topic = await newTopic(1)
    const printed = async (...flags: string[]) =>
      (await invoke(tail, [brokers(), `--kafka.topic=${topic}`, ...flags])).stderr
    expect(await printed()).toMatch(
      /^0 records read, 0 refused; nothing to print since \d{4}-\S+Z, 5m ago; --from=earliest reads the whole log\n$/,
    )
    expect(await printed('--from=earliest')).toBe(
      '0 records read, 0 refused; nothing to print in the whole log\n',
    )
    const fleet = new Fleet(topic, 1)
    await fleet.publish()
    await fleet.stop()
    expect(await printed('--from=2h', '--target=job=other')).toMatch(
      /^1 records read, 0 refused; nothing to print since \S+, 2h ago/,
    )
  })

  test('is followed by tail until it is interrupted', async () => {
    const topic = await newTopic(1)
    const fleet = new Fleet(topic, 1)
    const ending = new AbortController()
    const following = invoke(tail, [brokers(), `--kafka.topic=${topic}`, '--follow'], {
      signal: ending.signal,
    })
    fleet.run(50)
    await eventually(() => expect(fleet.round).toBeGreaterThan(20))
    await fleet.stop()
    ending.abort()
    const { code, stdout } = await following
    expect(code).toBe(0)
    expect(stdout.split('\n').length).toBeGreaterThan(5)
  })
})

async function setTimestampType(topic: string, type: string): Promise<void> {
  const { Kafka, ConfigResourceTypes, logLevel } = (await import('kafkajs')).default
  const admin = new Kafka({ brokers: inject('brokers'), logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const configEntries = [{ name: 'message.timestamp.type', value: type }]
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
  })
  await admin.disconnect()
}
