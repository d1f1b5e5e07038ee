import { StringDecoder } from 'node:string_decoder'

/**
 * The lines of a body, those of each chunk together: the caller may yield the event loop in
 * between. The last one needs no line end.
 *
 * @throws Error when the body has more than `maxBytes`
 */
export async function* linesOf(
  body: AsyncIterable<Buffer>,
  maxBytes: number,
): AsyncGenerator<readonly string[]> {
  const decoder = new StringDecoder('utf8')
  let bytes = 0
  let rest = ''
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`the response has more than ${maxBytes} bytes`)
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop()!
    yield lines
  }
  if (rest) yield [rest]
}
