import { FAMILY_TYPES, type Layout } from '../../../shared/metrics/layout.js'
import type { Sample } from './avro.js'

/**
 * Writes records and layouts in valid but unusual encodings: arrays and maps in blocks of any size, with and
 * without their size in bytes, and longs with redundant bytes.
 */
export class Spelling {
  #next = 0

  /** @param choices numbers from 0 to 99, used in rotation for each choice */
  constructor(private readonly choices: readonly number[]) {}

  #choose(): number {
    return this.choices[this.#next++ % this.choices.length]
  }

  record(s: Sample): Buffer {
    const { header } = s
    const label = (l: { name: string; value: string }) =>
      Buffer.concat([this.string(l.name), this.string(l.value)])
    return Buffer.concat([
      this.array(header.target.map(label)),
      this.long(header.incarnation),
      this.long(header.sequence),
      this.long(header.superseded),
      this.long(header.collectedAt),
      this.long(header.intervalMs),
      double(header.collectSeconds),
      this.long(header.part),
      this.long(header.parts),
      Buffer.from([header.end ? 1 : 0]),
      Buffer.from(header.layoutId, 'latin1'),
      this.bytes(s.layout.compressed),
      this.array(s.values.map(value => this.number(value))),
      this.option(s.timestamps && this.array(s.timestamps.map(t => this.long(t)))),
      this.option(
        s.exemplars &&
          this.array(
            s.exemplars.map(e =>
              Buffer.concat([
                this.long(e.series),
                this.array(e.labels.map(label)),
                double(e.value),
                this.option(e.timestamp === null ? null : this.long(e.timestamp)),
              ]),
            ),
          ),
      ),
    ])
  }

  layout({ families }: Layout): Buffer {
    return this.array(
      families.map(f =>
        Buffer.concat([
          this.string(f.name),
          this.long(FAMILY_TYPES.indexOf(f.type)),
          this.string(f.help),
          this.string(f.unit),
          this.array(
            f.series.map(s =>
              Buffer.concat([
                this.string(s.suffix),
                this.array(
                  s.labels.map(l => Buffer.concat([this.string(l.name), this.string(l.value)])),
                ),
              ]),
            ),
          ),
        ]),
      ),
    )
  }

  long(value: number | bigint): Buffer {
    const spare = this.#choose()
    return spare < 80 ? zigzag(value) : padded(zigzag(value), spare % 10)
  }

  string(text: string): Buffer {
    return this.bytes(Buffer.from(text))
  }

  bytes(bytes: Buffer): Buffer {
    return Buffer.concat([this.long(bytes.length), bytes])
  }

  option(bytes: Buffer | null): Buffer {
    return bytes ? Buffer.concat([this.long(1), bytes]) : this.long(0)
  }

  /** Integers are longs or doubles: both are valid. */
  number(value: number): Buffer {
    const long = Number.isSafeInteger(value) && !Object.is(value, -0) && this.#choose() < 90
    return Buffer.concat(long ? [this.long(0), this.long(value)] : [this.long(1), double(value)])
  }

  array(items: readonly Buffer[]): Buffer {
    const blocks: Buffer[] = []
    for (let at = 0; at < items.length; ) {
      const block = items.slice(at, at + 1 + (this.#choose() % 7))
      at += block.length
      const size = block.reduce((sum, item) => sum + item.length, 0)
      const sized = this.#choose() < 50
      blocks.push(
        ...(sized ? [this.long(-block.length), this.long(size)] : [this.long(block.length)]),
        ...block,
      )
    }
    return Buffer.concat([...blocks, this.long(0)])
  }
}

export function zigzag(value: number | bigint): Buffer {
  const n = BigInt(value)
  let z = n >= 0n ? n * 2n : -n * 2n - 1n
  const bytes: number[] = []
  while (z > 127n) {
    bytes.push(Number(z % 128n) | 128)
    z /= 128n
  }
  return Buffer.from([...bytes, Number(z)])
}

/** The same varint with redundant zero bytes, ten bytes at most. */
function padded(varint: Buffer, spare: number): Buffer {
  const count = Math.min(spare, 10 - varint.length)
  if (count <= 0) return varint
  const bytes = Buffer.concat([varint, Buffer.alloc(count, 0x80)])
  bytes[varint.length - 1] |= 0x80
  bytes[bytes.length - 1] = 0
  return bytes
}

export function double(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}
