import { isLabelName, type NameScheme } from '../../../shared/metrics/relabel/rule.js'

/**
 * Expands `$name` and `${name}` with the environment, as Prometheus does in the values of external
 * labels; `$$` is a dollar sign.
 *
 * @returns the labels, and the variables without a value
 */
export function expandExternalLabels(
  labels: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly labels: Record<string, string>; readonly missing: readonly string[] } {
  const missing: string[] = []
  const expand = (text: string) =>
    text.replace(
      /\$(?:\$|\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[*#@!?0-9-]))/g,
      (whole, braced?: string, plain?: string) => {
        const name = braced ?? plain
        if (name === undefined) return whole === '$$' ? '$' : whole
        if (name === '$') return '$'
        const value = environment[name] ?? ''
        if (value === '') missing.push(name)
        return value
      },
    )
  const expanded = Object.entries(labels).map(([name, value]) => [name, expand(value)])
  return { labels: Object.fromEntries(expanded), missing }
}

export function* externalLabelProblems(
  labels: Readonly<Record<string, string>>,
  names: NameScheme,
): Generator<string> {
  for (const name of Object.keys(labels))
    if (!isLabelName(name, names)) yield `${JSON.stringify(name)} is not a valid label name`
}
