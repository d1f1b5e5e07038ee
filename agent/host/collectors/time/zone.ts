/** Size of the header of a TZif file, bytes. */
const HEADER = 44

/**
 * The abbreviation of a time zone at an offset from UTC, such as `CET`, from its TZif file. The
 * rules for times after the last transition are its footer, which has the names in use today.
 *
 * @returns null if the file has no such offset
 * @see https://www.rfc-editor.org/rfc/rfc8536
 */
export function abbreviationOf(tzif: Buffer, offsetSeconds: number): string | null {
  if (tzif.length < HEADER || tzif.toString('latin1', 0, 4) !== 'TZif') return null
  const first = blockOf(tzif, 0, 4)
  // Version 1 is followed by the same with 64 bit times, and that by the footer.
  const second = tzif[4] >= 0x32 ? blockOf(tzif, first.end, 8) : null
  const footer = second && tzif.toString('latin1', second.end).split('\n')[1]
  return (
    (footer && footerName(footer, offsetSeconds)) || lastName(tzif, second ?? first, offsetSeconds)
  )
}

interface Block {
  readonly types: number
  readonly typeCount: number
  readonly names: number
  readonly end: number
}

function blockOf(tzif: Buffer, at: number, timeBytes: number): Block {
  const number = (field: number) =>
    at + HEADER <= tzif.length ? tzif.readUInt32BE(at + 20 + 4 * field) : 0
  const [utc, standard, leaps, times, typeCount, characters] = [0, 1, 2, 3, 4, 5].map(number)
  const types = at + HEADER + times * (timeBytes + 1)
  const names = types + typeCount * 6
  return {
    types,
    typeCount,
    names,
    end: names + characters + leaps * (timeBytes + 4) + standard + utc,
  }
}

/** The name of the newest kind of local time with an offset. */
function lastName(tzif: Buffer, block: Block, offsetSeconds: number): string | null {
  if (block.names > tzif.length) return null
  for (let type = block.typeCount - 1; type >= 0; type--) {
    const at = block.types + type * 6
    if (tzif.readInt32BE(at) !== offsetSeconds) continue
    const start = block.names + tzif[at + 5]
    const end = tzif.indexOf(0, start)
    return end < 0 ? null : tzif.toString('latin1', start, end)
  }
  return null
}

/** The name in a rule such as `CET-1CEST,M3.5.0,M10.5.0/3` or `<+03>-3`. */
function footerName(rule: string, offsetSeconds: number): string | null {
  const name = '([A-Za-z]+|<[A-Za-z0-9+-]+>)'
  const offset = '([+-]?[0-9:]+)'
  const [, standard, west, summer, summerWest] =
    new RegExp(`^${name}${offset}(?:${name}${offset}?)?`).exec(rule) ?? []
  if (standard === undefined) return null
  const standardOffset = -secondsOf(west)
  if (standardOffset === offsetSeconds) return plain(standard)
  if (summer === undefined) return null
  const summerOffset = summerWest === undefined ? standardOffset + 3600 : -secondsOf(summerWest)
  return summerOffset === offsetSeconds ? plain(summer) : null
}

const plain = (name: string): string => name.replace(/^<|>$/g, '')

/** Seconds of `[+-]hh[:mm[:ss]]`. */
function secondsOf(text: string): number {
  const [hours, minutes = 0, seconds = 0] = text.replace(/^[+-]/, '').split(':').map(Number)
  return (text.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds)
}
