import { GapParser } from './gap.js'

/** Time for compiling codes in one request, ms: a request is one slice of the event loop. */
const COMPILE_MS = 3
/** Symbols of a parser, which is replaced then: it has all that was added to it. */
const MAX_SYMBOLS = 32 * 1024

/**
 * Compiles the codes of one writer, a little in each request: all codes of a request share its
 * time. What is not compiled is written series by series, until later requests have compiled it.
 */
export class Compiler {
  #until = Number.NaN
  #parser: GapParser | null = null
  #code: object | null = null

  /** @param mono monotonic ms */
  constructor(private readonly mono: () => number = () => performance.now()) {}

  /** The next request begins. */
  restart(): void {
    this.#until = Number.NaN
  }

  /** Whether nothing more is to be compiled. The time begins when this is first asked. */
  get isSpent(): boolean {
    const now = this.mono()
    if (Number.isNaN(this.#until)) this.#until = now + COMPILE_MS
    return now >= this.#until
  }

  /**
   * A parser with the gaps before the next one of the code.
   *
   * @param context the gaps of the code with which a new one begins
   */
  parserOf(code: object, context: () => Iterable<Uint16Array>): GapParser {
    if (this.#parser && this.#code === code && this.#parser.symbols < MAX_SYMBOLS)
      return this.#parser
    const parser = new GapParser()
    for (const gap of context()) parser.add(gap)
    this.#parser = parser
    this.#code = code
    return parser
  }

  /** Nothing is compiled at present: the parser is not needed. */
  release(code: object): void {
    if (this.#code === code) this.#parser = this.#code = null
  }
}
