/**
 * Prefix of every path, as in Prometheus: `--web.route-prefix`, by default the path of
 * `--web.external-url`.
 *
 * @returns empty, or with a leading and without a trailing slash
 */
export function routePrefix(flag: string | undefined, externalUrl: string | undefined): string {
  const path = flag ?? (externalUrl === undefined ? '' : new URL(externalUrl).pathname)
  const segments = path.split('/').filter(Boolean)
  return segments.length ? `/${segments.join('/')}` : ''
}
