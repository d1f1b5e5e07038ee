/** The series of the workload, in each contender's names. A view has others, such as `up`. */
const SERIES = /^(http_server|service)_/
const INSTANCE = /[{,]instance="([^"]*)"/

/**
 * Compares the values of an exposition with the expected ones, whatever the names of the series.
 *
 * @param text any version of the text format, without timestamps
 * @param expected by the label `instance`, in ascending order
 * @returns the first difference, or null
 */
export function differenceOf(
  text: string,
  expected: ReadonlyMap<string, Float64Array>,
): string | null {
  const exposed = new Map<string, number[]>()
  for (const line of text.split('\n')) {
    if (!SERIES.test(line)) continue
    const instance = INSTANCE.exec(line)?.[1]
    if (instance === undefined) continue
    const values = exposed.get(instance)
    const value = Number(line.slice(line.lastIndexOf(' ') + 1))
    if (values) values.push(value)
    else exposed.set(instance, [value])
  }
  for (const [instance, wanted] of expected) {
    const values = Float64Array.from(exposed.get(instance) ?? []).sort()
    if (values.length !== wanted.length)
      return `${instance} has ${values.length} of ${wanted.length} series`
    const at = values.findIndex((value, i) => value !== wanted[i])
    if (at >= 0) return `${instance} exposes ${values[at]} instead of ${wanted[at]}`
  }
  return null
}
