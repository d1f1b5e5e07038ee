import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { readRedisFile } from '../../../../cli/gateway/redis-file.js'
import { type LocalRedis, startRedis } from '../../../../dev/local/redis.js'
import type { RedisOptions } from '../../../../gateway/store/redis/options.js'
import type { RedisPushStore } from '../../../../gateway/store/redis/store.js'
import { Certificates } from '../../../support/certificates.js'
import { eventually } from '../../../support/eventually.js'
import { partOrSkip } from '../../../support/or-skip.js'
import { createRedisStore, startRedisStore } from '../../../support/redis-store.js'
import { requestOf } from '../../state/text.js'

const available = (await partOrSkip('redis')) !== null

describe.skipIf(!available)('a connection to Redis', () => {
  const certificates = new Certificates()
  const started: LocalRedis[] = []
  const stores: RedisPushStore[] = []
  afterEach(async () => {
    await Promise.all(stores.splice(0).map(store => store.stop()))
    await Promise.all(started.splice(0).map(redis => redis.stop()))
  })

  const access = (path: string): Pick<RedisOptions, 'access'> => ({
    access: () => readRedisFile(path),
  })
  const push = (store: RedisPushStore) => store.submit(requestOf({ body: 'x 1\n' }))

  test('is made with a password, and again with another one', async () => {
    const redis = await startRedis(['--requirepass', 'first'], 'first')
    started.push(redis)
    const path = certificates.file('redis.yml', 'password: wrong\n')
    const store = createRedisStore(redis.endpoints, access(path))
    stores.push(store)
    await store.start()
    await eventually(() => expect(store.trouble()).toMatch(/WRONGPASS/))
    await expect(push(store)).rejects.toMatchObject({ maybeApplied: false })
    writeFileSync(path, 'password: first\n')
    await eventually(() => expect(store.trouble()).toBeUndefined())
    expect(await push(store)).toEqual({ kind: 'done' })
  })

  test('needs no more rights than the documented ones', async () => {
    const redis = await startRedis()
    started.push(redis)
    const documented = readFileSync('docs/gateway-redis.md', 'utf8')
    const [, rights] = /ACL SETUSER (.*?)\n\n/s.exec(documented)!
    const acl = rights.replace('~kafka-exposer:', '~test:').split(/\s+/)
    await redis.node.run('acl', 'setuser', ...acl)
    const path = certificates.file('user.yml', 'username: gateway\npassword: password\n')
    const store = await startRedisStore(redis.endpoints, access(path))
    stores.push(store)
    expect(await push(store)).toEqual({ kind: 'done' })
    for (const method of ['accumulate', 'ingest', 'wipe', 'delete', 'reject'] as const) {
      const body = method === 'accumulate' || method === 'ingest' ? 'y 1\n' : ''
      expect(await store.submit(requestOf({ method, body }))).toEqual({ kind: 'done' })
    }
    expect([...(await store.read()).groups()]).toHaveLength(1)
    const refused = createRedisStore(redis.endpoints, { ...access(path), keyPrefix: 'other:' })
    stores.push(refused)
    await refused.start()
    await eventually(() => expect(refused.trouble()).toBeUndefined())
    await expect(push(refused)).rejects.toThrow('give the user the rights of docs/gateway-redis.md')
  })

  test('is encrypted, and refused if the certificate is that of another authority', async () => {
    const { key, cert } = certificates.issue('redis')
    const [plain, tls] = await startWithTls(key, cert)
    expect(plain).not.toBe(tls)
    const trusting = certificates.file('tls.yml', 'ssl: {ca_file: ca.pem}\n')
    stores.push(await startRedisStore([tls], access(trusting)))
    expect(await push(stores[0])).toEqual({ kind: 'done' })
    const strict = certificates.file('strict.yml', 'ssl: true\n')
    const refused = createRedisStore([tls], access(strict))
    stores.push(refused)
    await refused.start()
    await eventually(() => expect(refused.trouble()).toMatch(/certificate/))
  })

  /** @returns the addresses without and with TLS */
  async function startWithTls(key: string, cert: string): Promise<[string, string]> {
    const { freePort } = await import('../../../../dev/local/ports.js')
    const port = await freePort()
    const files = [
      '--tls-key-file',
      key,
      '--tls-cert-file',
      cert,
      '--tls-ca-cert-file',
      certificates.ca,
    ]
    const redis = await startRedis(['--tls-port', `${port}`, '--tls-auth-clients', 'no', ...files])
    started.push(redis)
    const address = `127.0.0.1:${port}`
    await eventually(
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(port, '127.0.0.1', () => {
            socket.destroy()
            resolve()
          }).once('error', reject)
        }),
    )
    return [redis.endpoints[0], address]
  }
})
