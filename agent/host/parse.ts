/** What a collector could not make sense of. */
export class UnexpectedContent extends Error {
  override readonly name = 'UnexpectedContent'

  /** @param file as in messages, such as `/proc/stat` */
  constructor(file: string, what: string, text: string) {
    super(`${file}: ${what}: ${JSON.stringify(text.slice(0, 80))}`)
  }
}

/** Lines of a file, without the empty end after the last line feed. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** Words of a line that are separated by blanks. */
export function fieldsOf(line: string): string[] {
  const fields = line.split(/[ \t]+/)
  if (fields[0] === '') fields.shift()
  if (fields.at(-1) === '') fields.pop()
  return fields
}

/**
 * A decimal number without a sign, as the kernel prints counters. Above 2⁵³ it is rounded.
 *
 * @throws UnexpectedContent
 */
export function count(file: string, text: string | undefined): number {
  if (text === undefined || !/^[0-9]{1,20}$/.test(text))
    throw new UnexpectedContent(file, 'not a number', text ?? '')
  return Number(text)
}

/**
 * A decimal number, which may have a fraction or a sign.
 *
 * @throws UnexpectedContent
 */
export function decimal(file: string, text: string | undefined): number {
  if (text === undefined || !/^-?[0-9]{1,20}(\.[0-9]{1,20})?$/.test(text))
    throw new UnexpectedContent(file, 'not a number', text ?? '')
  return Number(text)
}

/** The kernel numbers no more CPUs than this (CONFIG_NR_CPUS). */
const MAX_CPUS = 8192

/**
 * CPUs of a list such as `0-3,8`.
 *
 * @throws UnexpectedContent
 */
export function cpuList(file: string, text: string): number[] {
  const cpus: number[] = []
  for (const range of text.trim().split(',')) {
    if (range === '') continue
    const [first, last = first, ...rest] = range.split('-').map(number => count(file, number))
    if (rest.length > 0 || last < first || last >= MAX_CPUS)
      throw new UnexpectedContent(file, 'not a list of CPUs', text)
    for (let cpu = first; cpu <= last; cpu++) cpus.push(cpu)
  }
  return cpus
}
