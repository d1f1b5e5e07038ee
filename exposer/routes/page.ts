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

interface File {
  readonly type: string
  readonly body: Buffer
  readonly etag: string
}

/** `/` and its files, read once. */
export function page() {
  const files = readFiles()
  return (ctx: Context): void => {
    const name = ctx.params.file ?? 'index.html'
    const file = files.get(name)
    if (!file) return
    ctx.set('Content-Security-Policy', "default-src 'self'; base-uri 'none'; frame-ancestors 'none'")
    ctx.set('X-Content-Type-Options', 'nosniff')
    ctx.set('Cache-Control', 'no-cache')
    ctx.type = file.type
    ctx.etag = file.etag
    ctx.status = 200
    if (ctx.fresh) ctx.status = 304
    else ctx.body = file.body
  }
}

function readFiles(): ReadonlyMap<string, File> {
  const folder = new URL('../page/', import.meta.url)
  const names = existsSync(folder) ? readdirSync(folder) : []
  return new Map(
    names.map(name => {
      const body = readFileSync(new URL(name, folder))
      const etag = createHash('sha256').update(body).digest('base64url').slice(0, 16)
      return [name, { type: TYPES[extname(name)] ?? 'application/octet-stream', body, etag }]
    }),
  )
}
