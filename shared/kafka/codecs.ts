import { promisify } from 'node:util'
import * as zlib from 'node:zlib'

/** The compression types of a record batch, by the lowest three bits of its attributes. */
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** The codecs that producers and `compression.type` can name. */
export const COMPRESSION_TYPES: readonly string[] = CODECS.slice(1)

/** How much one batch may inflate to, bytes. A batch is a megabyte at most unless the topic says otherwise. */
export const INFLATE_LIMIT = 16 * 1024 * 1024

/** Inflates the records of a batch. Rejects with a `CodecError` when it cannot, or when more than `limit` bytes come out. */
export type Inflate = (codec: number, bytes: Buffer, limit: number) => Promise<Buffer>

/** A batch stays closed to us. The message says which codec and what to do. */
export class CodecError extends Error {
  override readonly name = 'CodecError'

  constructor(
    readonly codec: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
  }
}

type Decompress = (bytes: Buffer, options: { maxOutputLength: number; chunkSize: number }) => Promise<Buffer>

const gunzip = promisify(zlib.gunzip) as Decompress
// Node has zstd since 22.15.
const zstd = (zlib as unknown as { zstdDecompress?: (...args: never[]) => void }).zstdDecompress
const DECOMPRESSORS: Readonly<Record<string, Decompress | undefined>> = {
  gzip: gunzip,
  zstd: zstd && (promisify(zstd) as unknown as Decompress),
}

/** What `inflate` reads in this process. */
export const READABLE_CODECS: ReadonlySet<string> = new Set(
  COMPRESSION_TYPES.filter(name => DECOMPRESSORS[name]),
)

const CHUNK_BYTES = 128 * 1024
const ADVICE = 'set compression.type=uncompressed on the topic, which makes the brokers store it plain'

/**
 * Off the event loop, and bounded: a small gzip batch can otherwise inflate to 300 MB. Our own batches are never
 * compressed, so this is for foreign producers only; the library's process-wide table of codecs stays as the app left it.
 */
export const inflate: Inflate = async (codec, bytes, limit) => {
  const name = CODECS[codec] ?? `codec ${codec}`
  const decompress = DECOMPRESSORS[name]
  if (!decompress)
    throw new CodecError(name, `a batch is compressed with ${name}, which cannot be read here: ${ADVICE}`)
  try {
    return await decompress(bytes, { maxOutputLength: limit, chunkSize: CHUNK_BYTES })
  } catch (cause) {
    const tooLong = (cause as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE'
    throw new CodecError(
      name,
      tooLong
        ? `a batch of ${bytes.length} bytes inflates to more than ${limit} bytes with ${name}: ${ADVICE}`
        : `a batch says ${name} but is not: ${(cause as Error).message}`,
      { cause },
    )
  }
}
