/**
 * What stands before every path, as Prometheus has it: `--web.route-prefix`, or the path of `--web.external-url` without it.
 *
 * @returns empty, or with a slash at its beginning and none at its end
 */
export function routePrefix(flag: string | undefined, externalUrl: string | undefined): string {
  const path = flag ?? (externalUrl === undefined ? '' : new URL(externalUrl).pathname)
  const segments = path.split('/').filter(Boolean)
  return segments.length ? `/${segments.join('/')}` : ''
}
