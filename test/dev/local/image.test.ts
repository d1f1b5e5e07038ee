import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parse } from 'yaml'
import { Child } from '../../../dev/local/child.js'
import { createRunFolder, removeRunFolder } from '../../../dev/local/folders.js'
import { freePort } from '../../../dev/local/ports.js'
import { eventually } from '../../support/eventually.js'
import { Image } from '../../support/image.js'
import { startInstalledExposer } from '../../support/started-exposer.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
const { services } = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true })

/** Nobody, if the tests run as root: the user of the image cannot write to its folders either. */
const uid = process.getuid?.() === 0 ? 65534 : undefined

describe('the image', () => {
  let image: Image

  beforeAll(async () => {
    image = await Image.build()
  }, 600_000)
  afterAll(() => image?.remove())

  test('has all dependencies of the server in the versions of the lock file, and no development dependencies', () => {
    const file = join(image.folder, 'node_modules', '.package-lock.json')
    const installed: Record<string, { version: string; dev?: boolean }> = JSON.parse(
      readFileSync(file, 'utf8'),
    ).packages
    for (const name of Object.keys(dependencies)) {
      expect(installed, name).toHaveProperty([`node_modules/${name}`])
    }
    for (const [path, { version, dev }] of Object.entries(installed)) {
      expect([path, version, dev]).toEqual([path, lock[path].version, undefined])
    }
  })

  test('has no sources and no tests, and does not run as root', () => {
    expect(readdirSync(image.folder).sort()).toEqual([
      'LICENSE',
      'dist',
      'node_modules',
      'package.json',
    ])
    expect(image.user).toBe('node')
  })

  test('runs a shard that becomes ready and serves a demo app, as another user and from its own files', async () => {
    const exposer = await startInstalledExposer({
      command: image.commandLine(),
      cwd: image.folder,
      env: image.env,
      uid,
    })
    const logs = createRunFolder('image')
    let shop: Child | undefined
    try {
      const [, ...words] = services.shop.entrypoint as string[]
      const port = await freePort()
      const kafka = [
        `--kafka.brokers=${inject('brokers').join(',')}`,
        `--kafka.topic=${exposer.topic}`,
      ]
      const flags = [
        ...kafka,
        `--web.listen-address=127.0.0.1:${port}`,
        '--instance=shop:8080',
        '--interval=1s',
      ]
      shop = await Child.start({
        name: 'shop',
        command: process.execPath,
        args: [...words, services.shop.command[0], ...flags],
        env: image.env,
        cwd: image.folder,
        logFile: join(logs, 'shop.log'),
      })
      await eventually(async () => {
        expect(shop!.exit, shop!.logTail()).toBeNull()
        const { status } = await fetch(`${exposer.url}/target?job=shop&instance=shop:8080`)
        expect(status).toBe(200)
      })
      await shop.stop()
      expect(await exposer.stop()).toBe(0)
    } finally {
      await shop?.kill()
      await exposer.stop()
      removeRunFolder(logs)
    }
  })

  test.each(['dev', 'lab'])('refuses `%s`, because it needs a checkout', async command => {
    const [program, ...args] = image.commandLine([command])
    const ran = promisify(execFile)(program, args, { cwd: image.folder, env: image.env })
    await expect(ran).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/needs a checkout/),
    })
  })

  test('has a health check in docker-compose.yml that passes if and only if the shard is ready', async () => {
    const [kind, node, ...args] = services['shard-1'].healthcheck.test as string[]
    expect([kind, node]).toEqual(['CMD', 'node'])
    const check = (url: string) => {
      const words = args.map(word => word.replace('http://localhost:9754', url))
      return promisify(execFile)(process.execPath, words).then(
        () => 0,
        ({ code }) => code,
      )
    }
    const exposer = await startInstalledExposer({
      command: image.commandLine(),
      cwd: image.folder,
      env: image.env,
      uid,
    })
    expect(await check(exposer.url)).toBe(0)
    await exposer.stop()
    expect(await check(exposer.url)).toBe(1)
  })
})
