import { runNow, type Steps } from '../../base/steps.js'
import { WireReader } from '../protobuf/wire.js'
import { RequestColumns } from './columns.js'
import { DEFAULT_WRITE_LIMITS, type WriteLimits } from './limits.js'
import type { WriteProtocol, WriteRequest } from './request.js'
import { RequestV1 } from './request-v1.js'
import { RequestV2 } from './request-v2.js'
import { SymbolTable } from './symbols.js'

/** Bytes read between two steps. */
const BYTES_PER_STEP = 32 * 1024

/**
 * Reads remote write requests, decompressed: `prometheus.WriteRequest` of protocol 1.0 and
 * `io.prometheus.write.v2.Request` of protocol 2.0, which is also the value of the records of
 * `metrics.writes`. Checks that they can be decoded, not what they say: an invalid series is not
 * refused here.
 *
 * A reader reads one request after the other: a request is valid until the next one is read.
 */
export class WriteReader {
  readonly #columns = new RequestColumns()
  readonly #table = new SymbolTable()

  constructor(private readonly limits: WriteLimits = DEFAULT_WRITE_LIMITS) {}

  /**
   * Reads a request synchronously.
   *
   * @throws ProtobufRefused if it cannot be decoded or exceeds a limit
   */
  read(bytes: Buffer, protocol: WriteProtocol): WriteRequest {
    return runNow(this.readInSteps(bytes, protocol))
  }

  /** As `read`, in steps. The bytes must not change in between. */
  *readInSteps(bytes: Buffer, protocol: WriteProtocol): Steps<WriteRequest> {
    const columns = this.#columns
    columns.reset(protocol, bytes)
    const wire = new WireReader(bytes)
    const reading =
      protocol === '2.0'
        ? new RequestV2(wire, columns, this.limits)
        : new RequestV1(wire, columns, this.limits, this.#table)
    while (wire.at < bytes.length) {
      reading.advance(Math.min(bytes.length, wire.at + BYTES_PER_STEP))
      if (wire.at < bytes.length) yield
    }
    columns.end()
    yield* reading.end()
    return columns
  }

  /** Forgets the last request, so that its bytes can be freed. */
  release(): void {
    this.#columns.release()
    this.#table.clear()
  }
}
