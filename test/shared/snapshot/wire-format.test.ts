import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { partitionFor } from '../../../shared/base/murmur2.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import { DICTIONARIES } from '../../../shared/snapshot/dictionary/dictionaries.js'
import { FAILURE_ENVELOPE, SNAPSHOT_ENVELOPE } from '../../../shared/snapshot/envelope.js'
import { REFUSAL_REASONS } from '../../../shared/snapshot/errors.js'
import { encodeFailure, FAILURE_BYTES } from '../../../shared/snapshot/failure.js'
import { decodeLayout, encodeLayout, inflateLayout } from '../../../shared/snapshot/layout.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import { PART_BYTES } from '../../../shared/snapshot/split.js'
import { encodeSnapshot } from '../../../shared/snapshot/write.js'
import { canonicalForm, crc64Avro } from '../../support/avro-fingerprint.js'
import { JAVA } from '../base/murmur2-vectors.js'
import { failureSchema, snapshotSchema } from './avro.js'
import {
  EXAMPLE,
  EXAMPLE_FAILURE,
  EXAMPLE_FAILURE_HEADER,
  EXAMPLE_GZIP,
  EXAMPLE_HEADER,
  EXAMPLE_LAYOUT,
  EXAMPLE_VALUES,
  EXAMPLE_ZLIB,
} from './example.js'

const file = fileURLToPath(new URL('../../../docs/wire-format.md', import.meta.url))
const document = readFileSync(file, 'utf8')
const source = (name: string) =>
  readFileSync(new URL(`../../../shared/snapshot/${name}.avsc`, import.meta.url), 'utf8').trimEnd()
const fenced = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\``
const table = (...rows: string[][]) => rows.map(cells => `| ${cells.join(' | ')} |`).join('\n')
const visible = (text: string) => (text ? `\`${text.replaceAll('\0', '␀')}\`` : '(no bytes)')
const mebibyte = (bytes: number) => `${bytes / 1024 / 1024} MiB`

function fingerprints(schema: typeof snapshotSchema, envelope: Buffer): string {
  const form = canonicalForm(schema)
  const value = crc64Avro(Buffer.from(form))
  return table(
    ['', ''],
    ['---', '---'],
    ['CRC-64-AVRO as a number', `\`0x${value.toString(16).padStart(16, '0')}\``],
    ['in the record, little endian', `\`${envelope.toString('hex', 2)}\``],
    [
      'SHA-256 of the canonical form, for verification',
      `\`${createHash('sha256').update(form).digest('hex')}\``,
    ],
  )
}

/** Generated sections of the document, by name. */
const GENERATED: Record<string, string> = {
  'snapshot-schema': fenced('json', source('snapshot')),
  'layout-schema': fenced('json', source('layout')),
  fingerprints: fingerprints(snapshotSchema, SNAPSHOT_ENVELOPE),
  'failure-schema': fenced('json', source('failure')),
  'failure-fingerprints': fingerprints(failureSchema, FAILURE_ENVELOPE),
  murmur2: table(
    ['key (␀ is a NUL byte)', 'UTF-8 bytes', 'murmur2', 'partition of 12'],
    ['---', '---', '---:', '---:'],
    ...JAVA.map(([text, hash, partition]) => [
      visible(text),
      text ? `\`${Buffer.from(text).toString('hex')}\`` : '',
      String(hash),
      String(partition),
    ]),
  ),
  limits: table(
    ['limit', 'value'],
    ['---', '---'],
    ['series of a target, all parts together', DEFAULT_LIMITS.samples.toLocaleString('en')],
    ['labels of a series or target', String(DEFAULT_LIMITS.labels)],
    ['bytes of a metric name, label name or unit', DEFAULT_LIMITS.nameBytes.toLocaleString('en')],
    ['bytes of a label value or help text', DEFAULT_LIMITS.valueBytes.toLocaleString('en')],
    ['size of a record, and of an uncompressed layout', mebibyte(DEFAULT_LIMITS.bytes)],
    ['parts of a snapshot', String(DEFAULT_LIMITS.parts)],
    ['bytes of the reason of a failure', FAILURE_BYTES.toLocaleString('en')],
    ['size above which a publisher splits a snapshot', `${PART_BYTES / 1024} KiB`],
  ),
  dictionaries: table(
    ['file', 'bytes', 'DICTID', 'SHA-256'],
    ['---', '---:', '---', '---'],
    ...[...DICTIONARIES.values()].map(({ id, bytes }, i) => [
      `\`shared/snapshot/dictionary/layout-${i + 1}.bin\``,
      bytes.length.toLocaleString('en'),
      `\`0x${id.toString(16).padStart(8, '0')}\``,
      `\`${createHash('sha256').update(bytes).digest('hex')}\``,
    ]),
  ),
  'example-key': fenced('text', EXAMPLE.key.toString('hex').replace(/(.{48})(?!$)/g, '$1\n')),
  'example-partition': `With 12 partitions, the record belongs to partition ${partitionFor(EXAMPLE.key, 12)}.`,
  'example-layout': `${fenced('text', EXAMPLE.layoutText)}

Its SHA-256 starts with the layoutId \`${Buffer.from(EXAMPLE_HEADER.layoutId, 'latin1').toString('hex')}\`.`,
  'example-dictionary': fenced('text', EXAMPLE.zlibText),
  'example-record': fenced('text', EXAMPLE.recordText),
  'example-failure': fenced('text', EXAMPLE.failureText),
}

const section = (name: string) => new RegExp(`(<!-- generated: ${name} -->\\n)[^]*?(<!-- end -->)`)

/** Reads the bytes of a dump in the document: an offset, bytes, two or more spaces, a note. */
function bytesOf(name: string): Buffer {
  const lines = section(name)
    .exec(document)![0]
    .match(/^[0-9a-f]{4} {2}([0-9a-f]{2} )*[0-9a-f]{2}(?= |$)/gm)!
  return Buffer.from(lines.map(line => line.slice(6).replaceAll(' ', '')).join(''), 'hex')
}

describe('docs/wire-format.md', () => {
  test('contains the schemas, figures and bytes of the code; vitest -u updates it', async () => {
    let text = document
    for (const [name, content] of Object.entries(GENERATED)) {
      expect(document, `the section ${name}`).toMatch(section(name))
      text = text.replace(section(name), (_, begin, end) => `${begin}${content}\n${end}`)
    }
    await expect(text).toMatchFileSnapshot(file)
  })

  test('has an example that the code writes with the same bytes', () => {
    const bytes = encodeSnapshot(EXAMPLE_HEADER, {
      layoutCompressed: EXAMPLE_GZIP,
      values: EXAMPLE_VALUES,
    })
    expect(bytesOf('example-record')).toEqual(bytes)
    expect(bytesOf('example-layout')).toEqual(encodeLayout(EXAMPLE_LAYOUT).bytes)
    expect(bytesOf('example-failure')).toEqual(
      encodeFailure(EXAMPLE_FAILURE_HEADER, EXAMPLE_FAILURE),
    )
    expect(gunzipSync(EXAMPLE_GZIP)).toEqual(bytesOf('example-layout'))
    expect(bytesOf('example-dictionary')).toEqual(EXAMPLE_ZLIB)
  })

  test('has an example that is read as the document says', () => {
    const reader = new SnapshotReader()
    reader.open(bytesOf('example-record'))
    expect(reader.header()).toEqual(EXAMPLE_HEADER)
    expect([...reader.body(EXAMPLE_VALUES.length).values]).toEqual(EXAMPLE_VALUES)
    expect(decodeLayout(inflateLayout(reader.layoutId(), reader.layout()))).toEqual(EXAMPLE_LAYOUT)
    expect(decodeLayout(inflateLayout(reader.layoutId(), bytesOf('example-dictionary')))).toEqual(
      EXAMPLE_LAYOUT,
    )
    reader.open(bytesOf('example-failure'))
    expect(reader.header()).toMatchObject(EXAMPLE_FAILURE_HEADER)
    expect(reader.failure).toBe(EXAMPLE_FAILURE)
  })

  test('lists every reason for a refusal', () => {
    const table = document.slice(document.indexOf('## What is refused'))
    const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, reason]) => reason)
    expect(named.sort()).toEqual([...REFUSAL_REASONS].sort())
  })
})
