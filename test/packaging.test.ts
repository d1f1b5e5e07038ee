import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { tailTopic } from '../shared/kafka/tail.js'
import { SnapshotReader } from '../shared/snapshot/read.js'
import { newTopic } from './support/kafka.js'
import { InstalledApp } from './support/packaging.js'
import { startInstalledExposer } from './support/started-exposer.js'

const manifestOf = (folder: string) =>
  JSON.parse(readFileSync(new URL(`../${folder}/package.json`, import.meta.url), 'utf8'))
const server = manifestOf('.')
const producer = manifestOf('producer')

/**
 * An app that publishes once and ends its run. It has no prom-client, so its registry is a fake.
 */
const PUBLISHING = `
const register = async () => [{ name: 'up_to_date', help: '', type: 'gauge', values: [{ value: 1, labels: {} }] }]
const publisher = createPublisher({
  register, brokers: process.argv[2], topic: process.argv[3], job: 'packaged', instance: 'one',
})
publisher.start().then(() => publisher.stop(20_000))
`

const typed = (specifier: string) => `
import { register } from 'prom-client'
import { createPublisher, type Publisher, type PublisherOptions } from '${specifier}'

const options: PublisherOptions = { register, brokers: ['127.0.0.1:9092'], job: 'shop', interval: '15s' }
const publisher: Publisher = createPublisher({ ...options, register: [register], sasl: undefined })
const started: Promise<void> = publisher.start()
void started.then(() => publisher.stop(1000))
// @ts-expect-error: an app without a job
createPublisher({ register, brokers: [] })
`

test('the two packages have the same version, Node.js and kafkajs, and neither depends on the other', () => {
  const common = ({ version, engines, license, dependencies }: typeof server) => ({
    version,
    engines,
    license,
    kafkajs: dependencies.kafkajs,
  })
  expect(common(producer)).toEqual(common(server))
  expect(Object.keys(producer.dependencies)).toEqual(['kafkajs'])
  expect(Object.keys(server.dependencies)).not.toContain(producer.name)
})

describe.each([
  ['kafka-exposer-producer', 'producer', 'kafka-exposer-producer'],
  ['kafka-exposer', '.', 'kafka-exposer/producer'],
])('an app that installs %s', (packageName, folder, specifier) => {
  let app: InstalledApp

  beforeAll(async () => {
    app = await InstalledApp.create(folder)
  })
  afterAll(() => app?.remove())

  test('gets no lab, no demo and no tests, and all packages that the package imports', async () => {
    const files = app.filesOf(packageName)
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']))
    const compiled = files.filter(file => file.startsWith('lib/'))
    expect(
      compiled.filter(file => !/^lib\/(agent|cli|exposer|gateway|producer|shared)\//.test(file)),
    ).toEqual([])
    expect(
      files.filter(file => /\.(ts|js|mjs|map)$/.test(file) && !compiled.includes(file)),
    ).toEqual([])
    // What producers in other languages need.
    if (packageName === server.name)
      expect(files).toEqual(
        expect.arrayContaining([
          'shared/snapshot/snapshot.avsc',
          'shared/snapshot/dictionary/layout-1.bin',
        ]),
      )
    const { dependencies } = manifestOf(folder)
    const imported = compiled
      .filter(file => /\.m?js$/.test(file))
      .flatMap(file =>
        packagesIn(readFileSync(join(app.folder, 'node_modules', packageName, file), 'utf8')),
      )
    expect([...new Set(imported)].sort()).toEqual(Object.keys(dependencies).sort())
    expect(app.packages()).toEqual(expect.arrayContaining(Object.keys(dependencies)))
  })

  test.each([
    ['imports', 'app.mjs', `import { createPublisher } from '${specifier}'`],
    ['requires', 'app.cjs', `const { createPublisher } = require('${specifier}')`],
  ])(
    '%s the publisher, publishes with it, and loads nothing but kafkajs and what belongs to publishing',
    async (_, file, load) => {
      app.write(file, load + PUBLISHING)
      const topic = await newTopic(1)
      const { ran, scripts } = await app.scriptsOf(file, [inject('brokers').join(','), topic])
      expect(ran).toEqual({ code: 0, stdout: '', stderr: '' })
      expect((await endsIn(topic)).at(-1)).toBe(true)

      const appFolder = realpathSync(app.folder)
      const loaded = scripts.map(script => relative(appFolder, script))
      expect([...new Set(loaded.map(partOf))].sort()).toEqual([
        file,
        'kafkajs',
        'lib/producer',
        'lib/shared/base',
        'lib/shared/kafka',
        'lib/shared/metrics',
        'lib/shared/publish',
        'lib/shared/snapshot',
      ])
    },
  )

  describe('finds types', () => {
    beforeAll(() => {
      app.borrow('typed', 'prom-client', '@types/node')
      for (const ending of ['mts', 'cts', 'ts']) app.write(`typed/app.${ending}`, typed(specifier))
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
        // The imports of our declarations have to be installed too.
        skipLibCheck: false,
        types: ['node'],
      }
      const config = `typed/tsconfig.${module}.${file}.json`
      app.write(config, JSON.stringify({ compilerOptions, files: [file] }))
      expect(await app.tsc(['-p', config])).toEqual({ code: 0, stdout: '', stderr: '' })
    })
  })

  if (packageName === producer.name) {
    test('gets only kafkajs as a dependency', () => {
      expect(app.packages()).toEqual(['kafka-exposer-producer', 'kafkajs'])
    })

    test('gets only files that publishing loads', async () => {
      app.write('load.mjs', `import '${specifier}'`)
      const { scripts } = await app.scriptsOf('load.mjs', [])
      const packageFolder = realpathSync(join(app.folder, 'node_modules', packageName))
      const loaded = scripts.map(script => relative(packageFolder, script))
      const shipped = app.filesOf(packageName).filter(file => file.endsWith('.js'))
      expect(shipped.filter(file => !loaded.includes(file))).toEqual([])
    })
    return
  }

  describe('has a command that', () => {
    const bin = join('node_modules', '.bin', 'kafka-exposer')

    test('prints its version and its commands', async () => {
      const version = await app.npm(['exec', '--offline', '--', 'kafka-exposer', '--version'])
      expect(version).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`version ${server.version} `),
      })
      const help = await app.npm(['exec', '--offline', '--', 'kafka-exposer', '--help'])
      expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('topic create') })
    })

    test('has the pages of shards, gateways and agents', () => {
      const shipped = app.filesOf(packageName)
      for (const page of ['exposer/page', 'gateway/page', 'agent/page']) {
        const files = readdirSync(new URL(`../${page}`, import.meta.url))
        expect(files).toContain('index.html')
        expect(shipped).toEqual(expect.arrayContaining(files.map(file => `lib/${page}/${file}`)))
      }
    })

    test('runs a shard', async () => {
      const exposer = await startInstalledExposer({
        command: [process.execPath, bin, 'exposer'],
        cwd: app.folder,
        env: process.env,
      })
      try {
        const page = await fetch(exposer.url)
        expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<html')])
        const checked = await app.node([
          bin,
          ...['topic', 'check', `--kafka.brokers=${inject('brokers').join(',')}`],
          `--kafka.topic=${exposer.topic}`,
        ])
        expect(checked).toMatchObject({ code: 0, stderr: '' })
      } finally {
        expect(await exposer.stop()).toBe(0)
      }
    })

    test.each([
      ['dev', 'npm start'],
      ['lab', 'npm run lab'],
    ])(
      'refuses `%s`, because it needs a checkout, and names the script to run there',
      async (command, script) => {
        for (const flags of [[], ['--help'], ['--duration=1s']]) {
          expect(await app.node([bin, command, ...flags])).toEqual({
            code: 1,
            stdout: '',
            stderr: `kafka-exposer: error: "${command}" needs a checkout of the repository: run \`${script}\` there\n`,
          })
        }
      },
    )
  })
})

/** The packages that a compiled file imports. */
function packagesIn(code: string): string[] {
  const specifiers = code.matchAll(
    /(?:\bfrom |^import |\bimport\(|(?<!Promise)\.resolve\()'([@a-z][^']*)'/gm,
  )
  return [...specifiers]
    .map(([, specifier]) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)![0])
    .filter(name => !name.startsWith('node:'))
}

/** The package of a file, or the folder within our own package. */
function partOf(path: string): string {
  const ours = /^node_modules\/kafka-exposer[^/]*\/(lib\/(?:shared\/)?[^/]+)/.exec(path)
  return ours?.[1] ?? /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path
}

/** For each record of the only partition, in order, whether it ends its run. */
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
