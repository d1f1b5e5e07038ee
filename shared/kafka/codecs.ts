import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { SnappyError } from '../base/snappy/error.js'
import { snappyJavaSteps } from '../base/snappy/java.js'
import { runInSlices } from '../base/steps.js'

/** Compression types by the lowest three bits of the attributes of a record batch. */
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** Codecs that producers and `compression.type` can name. */
export const COMPRESSION_TYPES: readonly string[] = CODECS.slice(1)

/** Maximum size of one decompressed batch, bytes. A batch has a megabyte at most by default. */
export const INFLATE_LIMIT = 16 * 1024 * 1024

/**
 * Decompresses the records of a batch. Rejects with a `CodecError` if it cannot, or if the result
 * has more than `limit` bytes.
 */
export type Inflate = (codec: number, bytes: Buffer, limit: number) => Promise<Buffer>

/** A batch that cannot be decompressed. The message names the codec and what to do. */
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

type Decompress = (
  bytes: Buffer,
  options: { maxOutputLength: number; chunkSize: number },
) => Promise<Buffer>

const gunzip = promisify(zlib.gunzip) as Decompress
// Node has zstd since 22.15.
const zstd = (zlib as unknown as { zstdDecompress?: (...args: never[]) => void }).zstdDecompress
const DECOMPRESSORS: Readonly<Record<string, Decompress | undefined>> = {
  gzip: gunzip,
  // In slices of this thread: Node has no snappy.
  snappy: (bytes, { maxOutputLength }) => runInSlices(snappyJavaSteps(bytes, maxOutputLength)),
  zstd: zstd && (promisify(zstd) as unknown as Decompress),
}

/** Codecs that `inflate` supports in this process. */
export const READABLE_CODECS: ReadonlySet<string> = new Set(
  COMPRESSION_TYPES.filter(name => DECOMPRESSORS[name]),
)

const CHUNK_BYTES = 128 * 1024
const ADVICE =
  'set compression.type=uncompressed on the topic, so that the brokers store records uncompressed'

/**
 * Decompresses within a limit: a gzip batch of 300 KB can inflate to 300 MB.
 * Batches of our own producers are never compressed, so this serves other producers only. The codec
 * table of kafkajs, which the host application shares, is not changed.
 */
export const inflate: Inflate = async (codec, bytes, limit) => {
  const name = CODECS[codec] ?? `codec ${codec}`
  const decompress = DECOMPRESSORS[name]
  if (!decompress)
    throw new CodecError(
      name,
      `a batch is compressed with ${name}, which this program cannot decompress: ${ADVICE}`,
    )
  try {
    return await decompress(bytes, { maxOutputLength: limit, chunkSize: CHUNK_BYTES })
  } catch (cause) {
    const tooLong =
      cause instanceof SnappyError
        ? cause.reason === 'too_large'
        : (cause as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE'
    throw new CodecError(
      name,
      tooLong
        ? `a ${name} batch of ${bytes.length} bytes inflates to more than ${limit} bytes: ${ADVICE}`
        : `a batch is marked as ${name} but cannot be decompressed (${(cause as Error).message}): check the producer that wrote it`,
      { cause },
    )
  }
}
