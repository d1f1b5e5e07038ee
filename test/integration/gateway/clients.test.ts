import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Counter, Gauge, Histogram, Pushgateway, Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOnce } from '../../../dev/local/create-once.js'
import { cacheFolder } from '../../../dev/local/folders.js'
import { type LocalPushgateway, startPushgateway } from '../../../dev/local/pushgateway.js'
import { pythonWithClient } from '../../../dev/local/python.js'
import { runCommand, Unavailable, which } from '../../../dev/local/run-command.js'
import { eventually } from '../../support/eventually.js'
import { type StartedGateway, startGateway } from '../../support/gateway.js'
import { orSkip, partOrSkip } from '../../support/or-skip.js'
import { held } from './comparison.js'
import { send } from './exchange.js'

const clients = fileURLToPath(new URL('clients/', import.meta.url))
const pushgateway = await partOrSkip('pushgateway')
const python = await orSkip('Python with prometheus_client', pythonWithClient)
// Go is not required to run the tests.
const goClient = which('go') ? await buildGoClient().catch(skipped) : null

function skipped(error: unknown): null {
  console.error(
    `\n*** Tests that need client_golang are SKIPPED. ${(error as Error).message} ***\n`,
  )
  return null
}

async function buildGoClient(): Promise<string> {
  const folder = cacheFolder('go-push-client-1')
  await createOnce(
    folder,
    async unfinished => {
      copyFileSync(join(clients, 'push.go'), join(unfinished, 'push.go'))
      writeFileSync(
        join(unfinished, 'go.mod'),
        'module push\n\ngo 1.22\n\nrequire github.com/prometheus/client_golang v1.20.5\n',
      )
      const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod' }
      for (const args of [
        ['mod', 'tidy'],
        ['build', '-o', 'push', '.'],
      ]) {
        const { code, stderr } = await runCommand('go', args, { env, cwd: unfinished })
        if (code !== 0) throw new Unavailable(`Go could not build it: ${stderr.trim()}`)
      }
    },
    message => console.error(message),
  )
  return join(folder, 'push')
}

describe.skipIf(!pushgateway)(
  'unchanged clients have the effect that they have on Pushgateway:',
  () => {
    let theirs: LocalPushgateway
    let ours: StartedGateway

    beforeAll(async () => {
      theirs = await startPushgateway(['--web.enable-admin-api', '--persistence.file='])
      ours = await startGateway()
    })
    afterAll(async () => {
      await ours?.stop()
      await theirs?.stop()
    })

    /** Runs a client with both gateways, which then hold the same. @returns what they hold */
    async function compare(use: (url: string) => Promise<void>): Promise<readonly string[]> {
      for (const { url } of [theirs, ours]) {
        await send(url, { path: '/api/v1/admin/wipe' })
        // Pushgateway deletes after it has answered.
        await eventually(async () => expect(await held(url)).toEqual([]))
        await use(url)
      }
      const expected = await eventually(async () => {
        const lines = await held(theirs.url)
        expect(await held(ours.url)).toEqual(lines)
        return lines
      })
      return expected
    }

    async function run(command: string, args: readonly string[]): Promise<void> {
      const env = { ...process.env, PROMETHEUS_DISABLE_CREATED_SERIES: 'True' }
      const { code, stderr } = await runCommand(command, [...args], { env, timeoutMs: 30_000 })
      expect(stderr).toBe('')
      expect(code).toBe(0)
    }

    test.skipIf(!python).each([
      ['push', 27],
      ['push with a grouping key', 27],
      ['pushadd', 27],
      ['push replaces', 6],
      ['delete', 6],
      ['instance_ip', 27],
    ])('client_python, %s', async (action, atLeast) => {
      const lines = await compare(url =>
        run(python!, [join(clients, 'push.py'), new URL(url).host, action]),
      )
      expect(lines.length).toBeGreaterThanOrEqual(atLeast)
    })

    test.skipIf(!goClient).each([
      ['push', 6],
      ['push text', 6],
      ['add', 6],
      ['delete', 0],
    ])('client_golang, %s', async (action, atLeast) => {
      const lines = await compare(url => run(goClient!, [url, action]))
      expect(lines.length).toBeGreaterThanOrEqual(atLeast)
      if (atLeast === 0) expect(lines).toEqual([])
    })

    test.each(['push', 'pushAdd', 'delete'] as const)('prom-client, %s', async action => {
      const registry = new Registry()
      new Counter({
        name: 'rows_total',
        help: 'Rows.',
        labelNames: ['t'],
        registers: [registry],
      }).inc({ t: 'users' }, 3)
      new Histogram({ name: 'seconds', help: 'Duration.', registers: [registry] }).observe(0.3)
      const gauge = new Gauge({ name: 'last', help: 'Last.', registers: [registry] })
      const lines = await compare(async url => {
        const client = new Pushgateway(url, {}, registry)
        const group = { jobName: 'batch a', groupings: { zone: 'eu', empty: '' } }
        gauge.set(1)
        await client.push(group)
        gauge.set(2)
        if (action !== 'push') await client[action](group)
      })
      expect(lines.length).toBeGreaterThanOrEqual(action === 'delete' ? 0 : 15)
    })

    test.each([
      [['--data-binary', 'some_metric 3.14\n']],
      [
        [
          '-X',
          'PUT',
          '--data-binary',
          '# TYPE some_metric counter\nsome_metric{label="val1"} 42\n',
        ],
      ],
      [['-X', 'DELETE']],
    ])('curl %j', async args => {
      await compare(url =>
        run('curl', ['-sf', ...args, `${url}/metrics/job/some_job/instance/some_instance`]),
      )
    })
  },
)
