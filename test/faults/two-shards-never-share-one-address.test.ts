import { afterEach, expect, test } from 'vitest'
import { freePort } from '../../dev/local/ports.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic } from '../support/kafka.js'
import { Fleet, ShardChild, targetPath } from '../support/shards.js'

const DUPLICATE = 3
const SESSION_MS = 6_000
const shards: ShardChild[] = []
afterEach(async () => {
  for (const shard of shards.splice(0)) {
    shard.signal('SIGCONT')
    await shard.end()
  }
})

const ready = (shard: ShardChild) =>
  eventually(async () => expect((await fetch(`${shard.url}/-/ready`)).status).toBe(200))

/** Two shards with one advertised address. @returns them, and what the first one prints */
async function startTwo() {
  const settings = { topic: await newTopic(4), group: name('group'), sessionTimeout: SESSION_MS }
  const flags = [`--web.advertise-address=http://127.0.0.1:${await freePort()}`]
  let printed = ''
  const onOutput = (text: string) => {
    printed += text
  }
  const first = await ShardChild.start({ ...settings, flags, onOutput })
  shards.push(first)
  await ready(first)
  const start = async () => {
    const second = await ShardChild.start({ ...settings, flags })
    shards.push(second)
    return second
  }
  return { first, start, settings, address: flags[0]!.split('=')[1]!, printed: () => printed }
}

test('of two shards with one address, the first ends with an exit code of its own and names the address', async () => {
  const { first, start, address, printed } = await startTwo()
  const second = await start()
  expect(await first.exited).toBe(DUPLICATE)
  // A process may end before its output has been read.
  await eventually(() => {
    expect(printed()).toContain(address)
    expect(printed()).toContain('--web.advertise-address')
  })
  await ready(second)
  expect(second.running).toBe(true)
})

test('a suspended shard whose address was given to another one serves nothing when it continues, and ends', async () => {
  const { first, start, settings } = await startTwo()
  const fleet = new Fleet(settings.topic, 4)
  try {
    await fleet.publish()
    const [app] = fleet.apps
    const ask = (shard: ShardChild) =>
      fetch(shard.url + targetPath(app!), {
        redirect: 'manual',
        headers: { 'x-prometheus-scrape-timeout-seconds': '1' },
      })
    await eventually(async () => expect((await ask(first)).status).toBe(200))
    first.signal('SIGSTOP')
    const suspended = performance.now()
    const second = await start()
    await eventually(async () => expect((await ask(second)).status).toBe(200))
    await eventually(() => expect(performance.now() - suspended).toBeGreaterThan(SESSION_MS))
    // Handled when the shard continues, before it learns of the other one.
    const late = ask(first).then(
      response => response.status,
      () => 0,
    )
    first.signal('SIGCONT')
    expect(await late).not.toBe(200)
    expect(await first.exited).toBe(DUPLICATE)
    await eventually(async () => expect((await ask(second)).status).toBe(200))
  } finally {
    await fleet.stop()
  }
})
