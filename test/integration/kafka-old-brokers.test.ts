import { afterEach, expect, test, vi } from 'vitest'
import { Link } from '../../shared/kafka/wire/link.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic, TestMembers } from '../support/kafka.js'

const members = new TestMembers()
afterEach(async () => {
  await members.stopAll()
  vi.restoreAllMocks()
})

test('requests to brokers without topic ids use the versions that they support', async () => {
  const requests = new Set<string>()
  const { speaks, call } = Link.prototype
  vi.spyOn(Link.prototype, 'speaks').mockImplementation(function (this: Link, api, version) {
    // As in Kafka 2.3.
    if ((api === 'Metadata' && version > 8) || (api === 'Fetch' && version > 11)) return false
    return speaks.call(this, api, version)
  })
  vi.spyOn(Link.prototype, 'call').mockImplementation(function (this: Link, api, args, options) {
    requests.add(`${api} ${options.version ?? 'newest'}`)
    return call.call(this, api, args, options)
  } as typeof call)

  const topic = await newTopic(3)
  const sender = newSender(topic)
  for (let i = 0; i < 30; i++) await sender.send(Buffer.from(`key-${i}`), [Buffer.from(`${i}`)])
  await sender.disconnect()
  const { listener, held } = await members.start({ topic, group: name('group') })
  await eventually(() => expect(listener.caughtUp).toEqual([0, 1, 2]))
  expect(held()).toEqual([0, 1, 2])
  expect(listener.records).toHaveLength(30)
  expect(listener.violations).toEqual([])
  expect(requests).toContain('Metadata newest')
  expect(requests).toContain('Fetch 11')
  expect(requests).not.toContain('Fetch 13')
})
