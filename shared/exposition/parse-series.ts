import type { Label } from '../metrics/model.js'

/**
 * Reads the text of a series as the writers of this folder write it, in Unicode characters:
 * `name{a="b"}` or `{"name",a="b"}`. The last brace may be missing.
 */
export function parseSeriesText(text: string): { name: string; labels: Label[] } {
  const reader = new Reader(text)
  if (text.startsWith('{')) {
    reader.at = 1
    const name = reader.quoted()
    return { name, labels: reader.labels() }
  }
  return { name: reader.until('{'), labels: reader.labels() }
}

class Reader {
  at = 0

  constructor(private readonly text: string) {}

  /** The labels after a brace or a comma. */
  labels(): Label[] {
    const labels: Label[] = []
    while (++this.at < this.text.length) {
      const name = this.text[this.at] === '"' ? this.quoted() : this.until('=')
      this.at++
      labels.push({ name, value: this.quoted() })
    }
    return labels
  }

  until(end: string): string {
    const from = this.at
    const to = this.text.indexOf(end, from)
    this.at = to < 0 ? this.text.length : to
    return this.text.slice(from, this.at)
  }

  quoted(): string {
    const from = this.at + 1
    let to = from
    // Bounded, because a text can be one that somebody else has written.
    while (to < this.text.length && this.text[to] !== '"') to += this.text[to] === '\\' ? 2 : 1
    this.at = to + 1
    return unescaped(this.text.slice(from, to))
  }
}

function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
}
