/** Texts of a series table, each once. */
export class Symbols {
  readonly all: string[]
  readonly #known = new Map<string, number>()

  /** @param reserved number of symbols in front, for the values of a target's labels */
  constructor(reserved: number) {
    this.all = new Array<string>(reserved).fill('')
  }

  of(text: string): number {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    this.#known.set(text, this.all.length)
    return this.all.push(text) - 1
  }
}
