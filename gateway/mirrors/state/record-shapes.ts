import { copied } from '../../../shared/base/copied.js'
import type { WriteRequest } from '../../../shared/metrics/remote-write/request.js'

/** Series and symbols of a record, with the slots of its series. */
interface RecordShape {
  /**
   * The bytes from the first symbol to the last, with what is between them: where the others begin
   * follows from these bytes.
   */
  readonly symbols: Buffer
  readonly symbolCount: number
  readonly firstLength: number
  /** The bytes of the references. */
  readonly labelRefs: Buffer
  readonly labelsFrom: Uint32Array
  readonly types: Uint8Array
  readonly helpRefs: Uint32Array
  readonly unitRefs: Uint32Array
  readonly slots: Int32Array
  readonly generation: number
  readonly bytes: number
}

/** Senders have several shards, which send their own series of a target each. */
const MAX_SHAPES = 8
/** Memory of a shape without its arrays, and its columns with 4 bytes for each series. */
const SHAPE_BYTES = 1024
const COLUMNS = 4

/**
 * The last records of one target. Most records have the series of an earlier one, in the same
 * order: then no label is looked at.
 */
export class RecordShapes {
  /** The one that was used last comes first. */
  readonly #shapes: RecordShape[] = []
  bytes = 0

  /**
   * The slots of the series of a record; undefined if none of the last ones had the same.
   *
   * @param generation that of the series table
   */
  find(request: WriteRequest, generation: number): Int32Array | undefined {
    const shapes = this.#shapes
    for (let i = 0; i < shapes.length; i++) {
      const shape = shapes[i]
      if (!isSame(shape, request)) continue
      if (i > 0) {
        shapes.splice(i, 1)
        shapes.unshift(shape)
      }
      if (shape.generation === generation) return shape.slots
      this.#drop(0)
      return undefined
    }
    return undefined
  }

  /** @param slots becomes part of this cache */
  add(request: WriteRequest, slots: Int32Array, generation: number): void {
    const { series } = request
    const labels = request.labelsFrom[series]
    const begin = beginOf(request)
    const symbols = copied(request.bytes.subarray(begin, endOf(request)))
    const bytes = SHAPE_BYTES + symbols.length + 4 * (labels + series * COLUMNS) + series
    this.#shapes.unshift({
      symbols,
      symbolCount: request.symbols.length,
      firstLength: firstLengthOf(request),
      labelRefs: copied(bytesOf(request.labelRefs).subarray(0, 4 * labels)),
      labelsFrom: request.labelsFrom.slice(0, series + 1),
      types: request.types.slice(0, series),
      helpRefs: request.helpRefs.slice(0, series),
      unitRefs: request.unitRefs.slice(0, series),
      slots,
      generation,
      bytes,
    })
    this.bytes += bytes
    if (this.#shapes.length > MAX_SHAPES) this.#drop(MAX_SHAPES)
  }

  #drop(index: number): void {
    const [dropped] = this.#shapes.splice(index, 1)
    this.bytes -= dropped.bytes
  }
}

const beginOf = ({ symbolRanges }: WriteRequest): number => symbolRanges[0]
const endOf = ({ symbolRanges, symbols }: WriteRequest): number =>
  symbolRanges[2 * symbols.length - 1]

const firstLengthOf = ({ symbolRanges }: WriteRequest): number => symbolRanges[1] - symbolRanges[0]

let viewed: Uint32Array = new Uint32Array()
let view = Buffer.from(viewed.buffer)

/** The memory of an array. A reader uses the same array for all of its requests. */
function bytesOf(array: Uint32Array): Buffer {
  if (array !== viewed) {
    viewed = array
    view = Buffer.from(array.buffer, array.byteOffset, array.byteLength)
  }
  return view
}

function isSame(shape: RecordShape, request: WriteRequest): boolean {
  const series = shape.slots.length
  const { labelRefs, labelsFrom, symbols } = shape
  if (request.series !== series || request.labelsFrom[series] !== labelsFrom[series]) return false
  if (request.symbols.length !== shape.symbolCount) return false
  const begin = beginOf(request)
  if (endOf(request) - begin !== symbols.length) return false
  if (firstLengthOf(request) !== shape.firstLength) return false
  // Native comparisons: most of the bytes of a record are these.
  if (symbols.compare(request.bytes, begin, begin + symbols.length) !== 0) return false
  if (labelRefs.compare(bytesOf(request.labelRefs), 0, labelRefs.length) !== 0) return false
  for (let i = 0; i < series; i++) {
    if (
      labelsFrom[i] !== request.labelsFrom[i] ||
      shape.types[i] !== request.types[i] ||
      shape.helpRefs[i] !== request.helpRefs[i] ||
      shape.unitRefs[i] !== request.unitRefs[i]
    )
      return false
  }
  return true
}
