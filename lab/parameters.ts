import type { Experiment, Parameters } from './experiment.js'

export type Edition = 'short' | 'full' | 'reduced'

/** What differs from an edition: by experiment and parameter, as text or as YAML has it. */
export type Overrides = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/**
 * An experiment's parameters with what the user wants otherwise. Each keeps the type that the edition gives it.
 *
 * @throws Error with everything that is wrong
 */
export function parametersOf(experiment: Experiment, edition: Edition, overrides: Overrides): Parameters {
  const given = overrides[experiment.name] ?? {}
  const parameters: Record<string, Parameters[string]> = { ...experiment[edition] }
  const wrong: string[] = []
  for (const [name, value] of Object.entries(given)) {
    const usual = parameters[name]
    if (usual === undefined) {
      const names = Object.keys(parameters).join(', ')
      wrong.push(`${experiment.name} has no parameter ${JSON.stringify(name)}; there are: ${names}`)
      continue
    }
    const taken = like(usual, value)
    if (taken === undefined) {
      wrong.push(
        `${experiment.name}.${name}: ${JSON.stringify(value)} should be ${kindOf(usual)}, such as ${JSON.stringify(usual)}`,
      )
    } else parameters[name] = taken
  }
  if (wrong.length > 0) throw new Error(wrong.join('; '))
  return parameters
}

/** `asynchrony.measureSeconds=30` */
export function parseOverride(text: string): readonly [experiment: string, name: string, value: string] {
  const match = /^([\w-]+)\.(\w+)=(.*)$/.exec(text)
  if (!match) throw new Error(`${JSON.stringify(text)} is no parameter, write it as experiment.name=value`)
  return [match[1], match[2], match[3]]
}

function like(usual: Parameters[string], value: unknown): Parameters[string] | undefined {
  if (Array.isArray(usual)) {
    const items = Array.isArray(value) ? value : String(value).split('+')
    const taken = items.map(item => like(usual[0], item))
    return taken.includes(undefined) || taken.length === 0 ? undefined : (taken as readonly string[])
  }
  if (typeof usual === 'string') return String(value)
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
  return Number.isFinite(number) && number >= 0 ? number : undefined
}

const kindOf = (usual: Parameters[string]) =>
  Array.isArray(usual) ? 'a list' : typeof usual === 'number' ? 'a number that is not negative' : 'a text'
