import type { Experiment, Parameters } from './experiment.js'

export type Edition = 'short' | 'full' | 'reduced'

/** Overridden parameters by experiment and name, as text from a flag or as parsed YAML. */
export type Overrides = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/**
 * The parameters of an edition with the overrides applied. An override is converted to the type of
 * the parameter in the edition.
 *
 * @throws Error that lists every invalid override
 */
export function parametersOf(
  experiment: Experiment,
  edition: Edition,
  overrides: Overrides,
): Parameters {
  const given = overrides[experiment.name] ?? {}
  const parameters: Record<string, Parameters[string]> = { ...experiment[edition] }
  const errors: string[] = []
  for (const [name, value] of Object.entries(given)) {
    const original = parameters[name]
    if (original === undefined) {
      const names = Object.keys(parameters).join(', ')
      errors.push(
        `${experiment.name} has no parameter ${JSON.stringify(name)}; its parameters are: ${names}`,
      )
      continue
    }
    const converted = convert(value, original)
    if (converted === undefined) {
      errors.push(
        `${experiment.name}.${name}: ${JSON.stringify(value)} is not ${describeType(original)}, such as ${JSON.stringify(original)}`,
      )
    } else parameters[name] = converted
  }
  if (errors.length > 0) throw new Error(errors.join('; '))
  return parameters
}

/** Parses an override such as `asynchrony.measureSeconds=30`. */
export function parseOverride(
  text: string,
): readonly [experiment: string, name: string, value: string] {
  const match = /^([\w-]+)\.(\w+)=(.*)$/.exec(text)
  if (!match) throw new Error(`${JSON.stringify(text)} is not of the form experiment.name=value`)
  return [match[1], match[2], match[3]]
}

/** The value in the type of the original; undefined if it cannot be converted. */
function convert(value: unknown, original: Parameters[string]): Parameters[string] | undefined {
  if (Array.isArray(original)) {
    const items = Array.isArray(value) ? value : String(value).split('+')
    const converted = items.map(item => convert(item, original[0]))
    return converted.includes(undefined) || converted.length === 0
      ? undefined
      : (converted as readonly string[])
  }
  if (typeof original === 'string') return String(value)
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
  return Number.isFinite(number) && number >= 0 ? number : undefined
}

const describeType = (original: Parameters[string]) =>
  Array.isArray(original)
    ? 'a list'
    : typeof original === 'number'
      ? 'a non-negative number'
      : 'a string'
