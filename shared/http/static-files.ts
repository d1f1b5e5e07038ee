import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import type { Context } from 'koa'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}
/** Allows a page only files from its own origin, and forbids framing. */
const CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"
const INDEX = 'index.html'

interface StaticFile {
  readonly type: string
  readonly body: Buffer
  readonly etag: string
}

/** What all pages have: their colours, and parts of their layout. */
const SHARED = new URL('../page/', import.meta.url)

/**
 * Serves the page of a folder, without subfolders, and the files that all pages share: a handler for
 * the routes `/` and `/<folder>/:file`. Files are read once, at start: no request path reaches the
 * file system.
 */
export function staticFiles(folder: URL) {
  const files = new Map([...readFiles(SHARED), ...readFiles(folder)])
  return (ctx: Context): void => {
    const file = files.get(ctx.params.file ?? INDEX)
    if (!file) return
    ctx.set('Content-Security-Policy', CONTENT_SECURITY_POLICY)
    ctx.set('X-Content-Type-Options', 'nosniff')
    ctx.set('Cache-Control', 'no-cache')
    ctx.type = file.type
    ctx.etag = file.etag
    ctx.status = 200
    if (ctx.fresh) ctx.status = 304
    else ctx.body = file.body
  }
}

function readFiles(folder: URL): ReadonlyMap<string, StaticFile> {
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []
  const names = entries.filter(entry => entry.isFile()).map(({ name }) => name)
  return new Map(
    names.map(name => {
      const body = readFileSync(new URL(name, folder))
      const etag = createHash('sha256').update(body).digest('base64url').slice(0, 16)
      return [name, { type: TYPES[extname(name)] ?? 'application/octet-stream', body, etag }]
    }),
  )
}
