import { RefusedPush } from './refused-push.js'

/**
 * Decodes the percent encoding of a whole path: an encoded slash separates components, too, as in
 * Pushgateway.
 *
 * @throws RefusedPush 400 if it is not the percent encoding of UTF-8
 */
export function decodePath(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    throw refused('the path is not valid percent encoding of UTF-8; encode it, or use @base64')
  }
}

const UNCLEAN = /\/\/|\/\.{1,2}(\/|$)/

/**
 * The path to which a client is redirected, as Pushgateway does: without empty components, `.` and
 * `..`. Undefined for a path without them.
 */
export function cleanerPath(path: string): string | undefined {
  if (!UNCLEAN.test(path)) return undefined
  const clean: string[] = []
  for (const component of path.split('/')) {
    if (component === '..') clean.pop()
    else if (component !== '' && component !== '.') clean.push(component)
  }
  const slash = path.endsWith('/') && clean.length > 0 ? '/' : ''
  return `/${clean.join('/')}${slash}`
}

const refused = (message: string) => new RefusedPush(400, 'path', message)
