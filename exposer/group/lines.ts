import { StringDecoder } from 'node:string_decoder'

/** Maximum bytes of a body, and maximum characters of a line. */
export interface LineBounds {
  readonly bytes: number
  readonly line: number
}

/**
 * The lines of a body, those of each chunk together: the caller may yield the event loop in
 * between. The last one needs no line end.
 *
 * @throws Error when a bound is exceeded
 */
export async function* linesOf(
  body: AsyncIterable<Buffer>,
  bounds: LineBounds,
): AsyncGenerator<readonly string[]> {
  const splitter = new LineSplitter(bounds.line)
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > bounds.bytes) throw new Error(`the response has more than ${bounds.bytes} bytes`)
    yield splitter.push(chunk)
  }
  const rest = splitter.end()
  if (rest) yield [rest]
}

class LineSplitter {
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''

  constructor(private readonly maxLength: number) {}

  push(chunk: Buffer): string[] {
    const text = this.#decoder.write(chunk)
    // A long line is put together once, not with each chunk.
    const lines = text.includes('\n') ? (this.#rest + text).split('\n') : [this.#rest + text]
    this.#rest = lines.pop()!
    if (this.#rest.length > this.maxLength)
      throw new Error(`a line has more than ${this.maxLength} characters`)
    return lines
  }

  end(): string {
    return this.#rest + this.#decoder.end()
  }
}
