import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { staticFiles } from '../../../shared/http/static-files.js'
import { Served } from './served.js'

let folder: string
let served: Served
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'static-files-'))
  mkdirSync(join(folder, 'page', 'inner'), { recursive: true })
  for (const [name, text] of Object.entries({
    'page/index.html': '<p>hello</p>',
    'page/app.js': 'run()',
    'page/data.bin': 'x',
    'page/inner/hidden.js': 'no',
    'outside.js': 'no',
  })) {
    writeFileSync(join(folder, name), text)
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(async () => {
  const files = staticFiles(new URL(`${pathToFileURL(folder)}/page/`))
  served = await Served.start(({ router }) => {
    router.get('/', files)
    router.get('/page/:file', files)
  })
})
afterEach(() => served.stop())

test.each([
  ['/', 'text/html; charset=utf-8', '<p>hello</p>'],
  ['/page/index.html', 'text/html; charset=utf-8', '<p>hello</p>'],
  ['/page/app.js', 'text/javascript; charset=utf-8', 'run()'],
  ['/page/data.bin', 'application/octet-stream', 'x'],
])('%s comes with its type, and may run only what it came with', async (path, type, text) => {
  const response = await fetch(served.url + path)
  expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
    200,
    type,
    text,
  ])
  expect(response.headers.get('content-security-policy')).toContain("default-src 'self'")
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
})

test.each([
  '/page/none.js',
  '/page/..%2foutside.js',
  '/page/inner',
  '/page/inner%2fhidden.js',
  '/page/',
  '/page/constructor',
])('%s is not found: no path leads out of the folder', async path => {
  expect((await fetch(served.url + path)).status).toBe(404)
})

test('an unchanged file is answered with 304', async () => {
  const etag = (await fetch(`${served.url}/page/app.js`)).headers.get('etag')!
  const again = await new Promise<IncomingMessage>(resolve =>
    get(`${served.url}/page/app.js`, { headers: { 'if-none-match': etag } }, resolve),
  )
  again.resume()
  expect(again.statusCode).toBe(304)
})

test('a missing folder has no files', async () => {
  const none = await Served.start(({ router }) =>
    router.get('/', staticFiles(new URL('file:///nowhere/at/all/'))),
  )
  try {
    expect((await fetch(none.url)).status).toBe(404)
  } finally {
    await none.stop()
  }
})

test('what all pages share comes with each of them', async () => {
  const response = await fetch(`${served.url}/page/theme.css`)
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/css; charset=utf-8',
  ])
  expect(await response.text()).toContain('prefers-color-scheme: dark')
})
