import { readFileSync, realpathSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { tailTopic } from '../shared/kafka/tail.js'
import { SnapshotReader } from '../shared/snapshot/read.js'
import { newTopic } from './support/kafka.js'
import { InstalledApp } from './support/packaging.js'

const packageJson = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/** An app that publishes once and says goodbye. Its registry is a stand-in: it has no prom-client. */
const PUBLISHING = `
const register = async () => [{ name: 'up_to_date', help: '', type: 'gauge', values: [{ value: 1, labels: {} }] }]
const publisher = createPublisher({
  register, brokers: process.argv[2], topic: process.argv[3], job: 'packaged', instance: 'one',
})
publisher.start().then(() => publisher.stop(20_000))
`

const TYPED = `
import { register } from 'prom-client'
import { createPublisher, type Publisher, type PublisherOptions } from 'kafka-exposer/producer'

const options: PublisherOptions = { register, brokers: ['127.0.0.1:9092'], job: 'shop', interval: '15s' }
const publisher: Publisher = createPublisher({ ...options, register: [register], sasl: undefined })
const started: Promise<void> = publisher.start()
void started.then(() => publisher.stop(1000))
// @ts-expect-error: an app without a job
createPublisher({ register, brokers: [] })
`

describe('an app that installs the package', () => {
  let app: InstalledApp

  beforeAll(async () => {
    app = await InstalledApp.create()
  })
  afterAll(() => app?.remove())

  test('gets kafkajs with it, and nothing else', () => {
    expect(app.packages()).toEqual(['kafka-exposer', 'kafkajs'])
  })

  test.each([
    ['imports', 'app.mjs', "import { createPublisher } from 'kafka-exposer/producer'"],
    ['requires', 'app.cjs', "const { createPublisher } = require('kafka-exposer/producer')"],
  ])(
    '%s the publisher, publishes with it, and loads nothing but kafkajs and what belongs to publishing',
    async (_, file, load) => {
      app.write(file, load + PUBLISHING)
      const topic = await newTopic(1)
      const { ran, scripts } = await app.scriptsOf(file, [inject('brokers').join(','), topic])
      expect(ran).toEqual({ code: 0, stdout: '', stderr: '' })
      expect((await endsIn(topic)).at(-1)).toBe(true)

      const folder = realpathSync(app.folder)
      const parts = new Set(scripts.map(script => partOf(relative(folder, script))))
      expect([...parts].sort()).toEqual([
        file,
        'kafka-exposer/dist/producer',
        'kafka-exposer/dist/shared/base',
        'kafka-exposer/dist/shared/kafka',
        'kafka-exposer/dist/shared/metrics',
        'kafka-exposer/dist/shared/publish',
        'kafka-exposer/dist/shared/snapshot',
        'kafkajs',
      ])
    },
  )

  describe('finds types', () => {
    beforeAll(() => {
      app.borrow('typed', 'prom-client', '@types/node')
      for (const ending of ['mts', 'cts', 'ts']) app.write(`typed/app.${ending}`, TYPED)
    })

    test.each([
      ['node16', 'node16', 'app.mts'],
      ['nodenext', 'nodenext', 'app.mts'],
      ['nodenext', 'nodenext', 'app.cts'],
      ['esnext', 'bundler', 'app.ts'],
      ['preserve', 'bundler', 'app.ts'],
    ])('with module %s and moduleResolution %s, for %s', async (module, moduleResolution, file) => {
      const compilerOptions = {
        module,
        moduleResolution,
        target: 'es2022',
        strict: true,
        noEmit: true,
        // What our own declarations import has to be there too.
        skipLibCheck: false,
        types: ['node'],
      }
      const config = `typed/tsconfig.${module}.${file}.json`
      app.write(config, JSON.stringify({ compilerOptions, files: [file] }))
      expect(await app.tsc(['-p', config])).toEqual({ code: 0, stdout: '', stderr: '' })
    })
  })

  describe('has a command', () => {
    test('that tells its version and its commands without the libraries of the server', async () => {
      const version = await app.npm(['exec', '--offline', '--', 'kafka-exposer', '--version'])
      expect(version).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`version ${packageJson.version} `),
      })
      const help = await app.npm(['exec', '--offline', '--', 'kafka-exposer', '--help'])
      expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('topic create') })
    })

    test.each([['exposer'], ['topic check'], ['tail'], ['dev']])(
      'that says in one sentence what to install before `%s` can run',
      async command => {
        const bin = join('node_modules', '.bin', 'kafka-exposer')
        const { code, stdout, stderr } = await app.node([bin, ...command.split(' ')])
        const wanted = Object.entries(packageJson.peerDependencies).map(
          ([name, range]) => `'${name}@${range}'`,
        )
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
        expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(/libraries .*: npm install '/)])
        expect(stderr.trimEnd().split('npm install ')[1]?.split(' ')).toEqual(wanted)
      },
    )

    test('that runs once they are installed', async () => {
      app.borrow('.', ...Object.keys(packageJson.peerDependencies))
      const flags = [`--kafka.brokers=${inject('brokers').join(',')}`, `--kafka.topic=${await newTopic(1)}`]
      const bin = join('node_modules', '.bin', 'kafka-exposer')
      const checked = await app.node([bin, 'exposer', ...flags, '--kafka.group=packaged', '--check-config'])
      expect(checked).toMatchObject({ code: 0 })
    })
  })
})

/** The package of a file; of ours the folder. */
function partOf(path: string): string {
  const match = /^node_modules\/(kafka-exposer\/dist\/(?:shared\/)?[^/]+|(?:@[^/]+\/)?[^/]+)/.exec(path)
  return match ? match[1] : path
}

/** Whether each record of the topic's one partition is a last one, in order. */
async function endsIn(topic: string): Promise<boolean[]> {
  const reader = new SnapshotReader()
  const ends: boolean[] = []
  let caughtUp = () => {}
  const all = new Promise<void>(resolve => {
    caughtUp = resolve
  })
  const tail = await tailTopic(
    { brokers: inject('brokers') },
    topic,
    { from: 'earliest', onCaughtUp: caughtUp },
    (_, { value }) => {
      reader.open(value!)
      ends.push(reader.end)
    },
  )
  await all
  await tail.stop()
  return ends
}
