import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { beforeEach, describe, expect, test } from 'vitest'
import { ListMemory } from '../../exposer/routes/list-memory.js'
import { FakeShard } from '../support/shard.js'

/** Bytes that responses may use. */
const ROOM = 25_000
const LIST = 10_000

const response = () => new EventEmitter() as unknown as ServerResponse
const list = () => Array.from({ length: LIST / 100 }, (_, i) => `${i}`.padEnd(52, '.'))

let lists: ListMemory
let now: number
let cut: ServerResponse[]
let shard: FakeShard['shard']
beforeEach(() => {
  shard = new FakeShard(undefined, { memory: { heap: 100_000, total: 1e6 } }).shard
  shard.store.memory.add('values', 100_000)
  now = 0
  cut = []
  const clock = { now: () => ({ wall: now, mono: now }) }
  lists = new ListMemory({ shard, clock, cut: slow => cut.push(slow) })
})

const used = () => shard.store.memory.bytes('lists')
const fits = (bytes: number) => shard.store.memory.makeRoomForResponse(bytes)

describe('the memory of lists', () => {
  test('counts a list once as long as any response sends it', () => {
    const lines = list()
    const [a, b] = [response(), response()]
    lists.send(lines, a)
    lists.send(lines, b)
    expect(used()).toBe(LIST)
    a.emit('close')
    expect(used()).toBe(LIST)
    b.emit('close')
    expect(used()).toBe(0)
  })

  test('refuses a list for which there is no room, while others are being sent', () => {
    lists.send(list(), response())
    lists.send(list(), response())
    expect(() => lists.send(list(), response())).toThrow(/no memory is left for a list/)
    expect([used(), cut]).toEqual([2 * LIST, []])
  })

  test('lets lists of slow clients, the oldest first, give way to others and to scrapes', () => {
    const [oldest, other] = [response(), response()]
    lists.send(list(), oldest)
    now = 1000
    lists.send(list(), other)
    now = 3500
    lists.send(list(), response())
    expect(cut).toEqual([oldest])
    oldest.emit('close')
    expect(used()).toBe(2 * LIST)
    now = 5000
    expect(fits(ROOM - LIST)).toBe(true)
    expect(cut).toEqual([oldest, other])
  })

  test('gives up a cached list that nobody reads before it ends a response', () => {
    const slow = response()
    lists.send(list(), slow)
    now = 5000
    let dropped = 0
    expect(lists.cache(list(), () => dropped++)).toBe(true)
    expect(fits(LIST)).toBe(true)
    expect([dropped, cut, used()]).toEqual([1, [], LIST])
  })

  test('keeps a list that is no longer cached until it was sent', () => {
    const lines = list()
    const reader = response()
    lists.cache(lines, () => {})
    lists.send(lines, reader)
    lists.uncache(lines)
    expect(used()).toBe(LIST)
    reader.emit('close')
    expect(used()).toBe(0)
  })

  test('counts what is rendered, and nothing after a refusal', async () => {
    shard.store.memory.addResponse('scrapes', ROOM - 100)
    await expect(lists.render(() => [], ['x'])).resolves.toEqual(['x'])
    expect(used()).toBe(0)
  })
})
