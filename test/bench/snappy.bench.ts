import { fileURLToPath } from 'node:url'
import { Compressor, compressSync, uncompressSync } from 'snappy'
import { decodeSnappyBlock } from '../../shared/base/snappy/block.js'
import { decodeSnappyFrames } from '../../shared/base/snappy/framed.js'
import { registryOf } from './registry.js'
import { median, type Row, spread, table } from './table.js'

/**
 * CPU time of a measurement, and number of measurements. Cases are interleaved, so that all have
 * the same conditions.
 */
const MEASURE_MS = 150
const ROUNDS = 7

interface Case {
  readonly work: string
  readonly note: string
  /** Output of one call, bytes. */
  readonly bytes: number
  run(): Uint8Array
}

async function framed(bytes: Uint8Array): Promise<Buffer> {
  const compressor = new Compressor()
  return Buffer.concat([compressor.update(bytes), await compressor.finish()])
}

/** MB of output per CPU-second. */
function measure({ run, bytes }: Case): number {
  let calls = 0
  let spent = 0
  const before = process.cpuUsage()
  while (spent < MEASURE_MS * 1000) {
    run()
    calls++
    const { user, system } = process.cpuUsage(before)
    spent = user + system
  }
  return (calls * bytes) / spent
}

/** Measures our snappy decompression in comparison with the native library. */
export async function run(): Promise<Row[]> {
  const page = Buffer.from(await registryOf(10_000).metrics())
  const block = compressSync(page)
  const frames = await framed(page)
  const { length: bytes } = page
  const note = `a text page of 10,000 series, ${bytes} bytes, compressed ${block.length}`
  const cases: Case[] = [
    {
      work: 'decompress a snappy block',
      note,
      bytes,
      run: () => decodeSnappyBlock(block, 1 << 26),
    },
    {
      work: 'decompress a snappy block, snappy',
      note: 'native library',
      bytes,
      run: () => uncompressSync(block) as Buffer,
    },
    {
      work: 'decompress snappy frames',
      note: 'checksums verified',
      bytes,
      run: () => decodeSnappyFrames(frames, 1 << 26),
    },
  ]
  for (const one of cases) {
    if (!page.equals(one.run())) throw new Error(`${one.work}: wrong output`)
    measure(one) // Warm-up.
  }
  const figures = cases.map(() => [] as number[])
  for (let round = 0; round < ROUNDS; round++)
    cases.forEach((one, i) => void figures[i].push(measure(one)))
  return cases.map(({ work, note }, i) => ({
    work,
    figure: `${spread(figures[i], median(figures[i]) < 10 ? 1 : 0)} MB/CPU-s`,
    note,
  }))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(await run()))
