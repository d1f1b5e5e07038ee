import { latin1 } from '../exposition/layout-text.js'
import type { Exemplar } from '../metrics/model.js'
import { int64Size, varintSize } from '../metrics/remote-write/output.js'
import { WRITE_TYPES, type WriteRequest, type WriteType } from '../metrics/remote-write/request.js'
import type { SampleBlock } from './block.js'
import { CodedBody, type CodedRange } from './coded-body.js'
import { Codes1 } from './codes-1.js'
import { Compiler } from './compiler.js'
import { Out, writeInt64, writeVarint } from './out.js'
import {
  type Counts,
  type EncodedRequest,
  noCounts,
  type RequestWriter,
  type SentKinds,
} from './request-writer.js'
import { SymbolBytes, TARGET_SYMBOL } from './series-code.js'
import { isCodable } from './series-symbols.js'
import { fitsTemplate, SAMPLE_BYTES, type Template, Templates } from './templates.js'
import { writeMarker } from './writer-2.js'

/** Keys of the fields of prometheus.WriteRequest and its messages. */
const SERIES = 0x0a
const METADATA = 0x1a
const LABEL = 0x0a
const NAME = 0x0a
const VALUE = 0x12
const SAMPLE = 0x12
const EXEMPLAR = 0x1a
const HISTOGRAM = 0x22
const SAMPLE_VALUE = 0x09
const SAMPLE_TIME = 0x10
const EXEMPLAR_VALUE = 0x11
const EXEMPLAR_TIME = 0x18
const METADATA_TYPE = 0x08
const METADATA_NAME = 0x12
const METADATA_HELP = 0x22
const METADATA_UNIT = 0x2a

/** Metadata of one family, in latin1 characters. */
export interface FamilyMetadata {
  readonly name: string
  readonly type: WriteType
  readonly help: string
  readonly unit: string
}

/**
 * Writes requests of protocol 1.0.
 *
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec/
 */
export class Writer1 implements RequestWriter {
  readonly #out = new Out()
  readonly #scratch = new Out(1024)
  readonly #body = new CodedBody()
  readonly #bytes = new SymbolBytes()
  readonly #codes: Codes1
  /** Blocks with a code, and up to where the message is in front of each. */
  #coded: { readonly range: CodedRange; readonly block: SampleBlock; readonly at: number }[] = []
  readonly #templates: Templates
  #counts: Counts = noCounts()

  /** @param templateBytes limit of the templates that are kept */
  constructor(
    templateBytes = 16 * 1024 * 1024,
    private readonly compiler = new Compiler(),
  ) {
    this.#templates = new Templates(templateBytes)
    this.#codes = new Codes1(templateBytes)
  }

  /** Bytes of the templates that are kept. */
  get templateBytes(): number {
    return this.#templates.bytes
  }

  addBlock(block: SampleBlock, from: number, to: number): void {
    const { indexes, time, times, exemplars } = block
    const code = isCodable(block) ? this.#codes.of(block) : null
    if (code?.compile(to, this.compiler)) {
      const range = { code, values: block.values!, from, to }
      this.#coded.push({ range, block, at: this.#out.at })
      this.#counts.samples += to - from
      return
    }
    const template = this.#templates.of(block)
    if (!indexes && !times && !exemplars && fitsTemplate(time))
      this.#addRange(block, template, from, to)
    else {
      let exemplar = exemplars ? 0 : Number.POSITIVE_INFINITY
      for (let n = from; n < to; n++) {
        const i = indexes ? indexes[n] : n
        const own = times?.[i] ?? time
        const at = Number.isNaN(own) ? time : own
        while (exemplars && exemplar < exemplars.length && exemplars[exemplar].series < i)
          exemplar++
        const first = exemplar
        while (exemplars && exemplar < exemplars.length && exemplars[exemplar].series === i)
          exemplar++
        const shown = exemplars?.slice(first, exemplar) ?? []
        this.#addOne(block, template, i, at, shown)
      }
    }
    this.#counts.samples += to - from
  }

  addWritten(request: WriteRequest, from: number, to: number, sent: SentKinds): void {
    for (let s = from; s < to; s++) {
      const samples = request.samplesFrom[s + 1] - request.samplesFrom[s]
      const histograms = request.histogramsFrom[s + 1] - request.histogramsFrom[s]
      if (samples > 0 || (sent.nativeHistograms && histograms > 0))
        this.#series(() => this.#written(request, s, sent))
    }
  }

  /** Adds metadata, which protocol 1.0 has apart from the series. */
  addMetadata({ name, type, help, unit }: FamilyMetadata): void {
    const out = this.#out
    const scratch = this.#scratch
    scratch.at = 0
    scratch.reserve(8)
    scratch.bytes[scratch.at++] = METADATA_TYPE
    scratch.varint(WRITE_TYPES.indexOf(type))
    scratch.text(METADATA_NAME, name)
    if (help !== '') scratch.text(METADATA_HELP, help)
    if (unit !== '') scratch.text(METADATA_UNIT, unit)
    this.#message(out, METADATA)
  }

  finish(): EncodedRequest {
    const out = this.#out
    const { samples, histograms, exemplars } = this.#counts
    const body = this.#body
    body.begin()
    let from = 0
    for (const { range, block, at } of this.#coded) {
      if (at > from) body.plain(out.bytes.subarray(from), at - from)
      from = at
      this.#setSymbols(block)
      body.block(range, this.#bytes)
    }
    if (out.at > from) body.plain(out.bytes.subarray(from), out.at - from)
    this.discard()
    return { ...body.finish(), samples, histograms, exemplars }
  }

  discard(): void {
    this.#out.at = 0
    this.#coded = []
    this.#counts = noCounts()
    this.compiler.restart()
  }

  #setSymbols({ target, time }: SampleBlock): void {
    const symbols = this.#bytes
    symbols.setTime(time)
    let at = TARGET_SYMBOL
    for (const value of target)
      for (let i = 0; i < value.length; i++) symbols.bytes[at++] = value.charCodeAt(i)
  }

  /** The fast path: one copy, then values and times. */
  #addRange({ values, time }: SampleBlock, template: Template, from: number, to: number): void {
    const { bytes: source, offsets } = template
    const start = offsets[from]
    const length = offsets[to] - start
    const out = this.#out
    out.reserve(length)
    const { bytes, view } = out
    const base = out.at - start
    source.copy(bytes, out.at, start, offsets[to])
    const timeBytes = new Uint8Array(8)
    writeVarint(timeBytes, 0, time)
    const [t0, t1, t2, t3, t4, t5] = timeBytes
    for (let i = from; i < to; i++) {
      const sample = base + offsets[i + 1] - SAMPLE_BYTES
      if (values) view.setFloat64(sample + 3, values[i], true)
      else writeMarker(bytes, sample + 3)
      bytes[sample + 12] = t0
      bytes[sample + 13] = t1
      bytes[sample + 14] = t2
      bytes[sample + 15] = t3
      bytes[sample + 16] = t4
      bytes[sample + 17] = t5
    }
    out.at += length
  }

  #addOne(
    { values, time: collectedAt }: SampleBlock,
    { bytes: source, offsets }: Template,
    index: number,
    time: number,
    exemplars: readonly Exemplar[],
  ): void {
    this.#series(() => {
      const scratch = this.#scratch
      // After the key and length of the series, before its sample.
      let from = offsets[index] + 1
      while (source[from++] >= 0x80);
      const to = offsets[index + 1] - SAMPLE_BYTES
      scratch.reserve(to - from + 40)
      source.copy(scratch.bytes, scratch.at, from, to)
      scratch.at += to - from
      const { bytes } = scratch
      bytes[scratch.at++] = SAMPLE
      const length = scratch.at++
      bytes[scratch.at++] = SAMPLE_VALUE
      if (values) scratch.view.setFloat64(scratch.at, values[index], true)
      else writeMarker(bytes, scratch.at)
      scratch.at += 8
      bytes[scratch.at++] = SAMPLE_TIME
      scratch.at = writeInt64(bytes, scratch.at, time)
      bytes[length] = scratch.at - length - 1
      for (const { labels, value, timestamp } of exemplars) {
        const texts = labels.flatMap(label => [latin1(label.name), latin1(label.value)])
        this.#exemplar(texts, timestamp ?? collectedAt, at => {
          scratch.view.setFloat64(at, value, true)
        })
      }
    })
  }

  #written(request: WriteRequest, s: number, sent: SentKinds): void {
    const { bytes: input, symbols, labelRefs, labelsFrom, valueAt } = request
    const scratch = this.#scratch
    for (let k = labelsFrom[s]; k < labelsFrom[s + 1]; k += 2)
      this.#label(latin1(symbols[labelRefs[k]]), latin1(symbols[labelRefs[k + 1]]))
    for (let i = request.samplesFrom[s]; i < request.samplesFrom[s + 1]; i++) {
      scratch.reserve(32)
      const { bytes } = scratch
      bytes[scratch.at++] = SAMPLE
      const length = scratch.at++
      if (valueAt[i] >= 0) {
        bytes[scratch.at++] = SAMPLE_VALUE
        scratch.at += input.copy(bytes, scratch.at, valueAt[i], valueAt[i] + 8)
      }
      bytes[scratch.at++] = SAMPLE_TIME
      scratch.at = writeInt64(bytes, scratch.at, request.timestamps[i])
      bytes[length] = scratch.at - length - 1
      this.#counts.samples++
    }
    const exemplarsEnd = sent.exemplars ? request.exemplarsFrom[s + 1] : 0
    for (let i = request.exemplarsFrom[s]; i < exemplarsEnd; i++) {
      const texts: string[] = []
      for (let k = request.exemplarRefsFrom[i]; k < request.exemplarRefsFrom[i + 1]; k++)
        texts.push(latin1(symbols[request.exemplarRefs[k]]))
      const from = request.exemplarValueAt[i]
      this.#exemplar(texts, request.exemplarTimes[i], at => {
        if (from >= 0) input.copy(scratch.bytes, at, from, from + 8)
        else scratch.bytes.fill(0, at, at + 8)
      })
    }
    const histogramsEnd = sent.nativeHistograms ? request.histogramsFrom[s + 1] : 0
    for (let i = request.histogramsFrom[s]; i < histogramsEnd; i++) {
      const from = request.histogramRanges[2 * i]
      const to = request.histogramRanges[2 * i + 1]
      scratch.reserve(to - from + 12)
      scratch.bytes[scratch.at++] = HISTOGRAM
      scratch.varint(to - from)
      scratch.at += input.copy(scratch.bytes, scratch.at, from, to)
      this.#counts.histograms++
    }
  }

  #label(name: string, value: string): void {
    const scratch = this.#scratch
    const length =
      2 + varintSize(name.length) + name.length + varintSize(value.length) + value.length
    scratch.reserve(12)
    scratch.bytes[scratch.at++] = LABEL
    scratch.varint(length)
    scratch.text(NAME, name)
    scratch.text(VALUE, value)
  }

  /** @param texts name, value, … in latin1 characters */
  #exemplar(texts: readonly string[], time: number, writeValue: (at: number) => void): void {
    const scratch = this.#scratch
    const lengths: number[] = []
    for (let i = 0; i < texts.length; i += 2) {
      const [name, value] = [texts[i].length, texts[i + 1].length]
      lengths.push(2 + varintSize(name) + name + varintSize(value) + value)
    }
    const timeBytes = int64Size(time)
    const labels = lengths.reduce((sum, length) => sum + 1 + varintSize(length) + length, 0)
    scratch.reserve(12)
    scratch.bytes[scratch.at++] = EXEMPLAR
    scratch.varint(labels + 10 + timeBytes)
    for (let i = 0; i < texts.length; i += 2) this.#label(texts[i], texts[i + 1])
    scratch.reserve(20)
    scratch.bytes[scratch.at++] = EXEMPLAR_VALUE
    writeValue(scratch.at)
    scratch.at += 8
    scratch.bytes[scratch.at++] = EXEMPLAR_TIME
    scratch.at = writeInt64(scratch.bytes, scratch.at, time)
    this.#counts.exemplars++
  }

  #series(write: () => void): void {
    this.#scratch.at = 0
    write()
    this.#message(this.#out, SERIES)
  }

  /** Copies the message in the scratch buffer with its key and length. */
  #message(out: Out, key: number): void {
    const { bytes, at } = this.#scratch
    out.reserve(at + 8)
    out.bytes[out.at++] = key
    out.varint(at)
    bytes.copy(out.bytes, out.at, 0, at)
    out.at += at
  }
}
