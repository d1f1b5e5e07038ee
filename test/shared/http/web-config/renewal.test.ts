import { writeFileSync } from 'node:fs'
import { hashSync } from 'bcryptjs'
import { afterAll, afterEach, expect, test } from 'vitest'
import { HandFed } from '../../../exposer/hand-fed.js'
import { eventually } from '../../../support/eventually.js'
import { ask, basic } from './ask.js'
import { Folder } from './certificates.js'

const folder = new Folder()
let shard: HandFed | undefined
afterEach(() => shard?.stop())
afterAll(() => folder.remove())

test('a renewal while somebody tries passwords never locks out a verified scraper', async () => {
  const users = `basic_auth_users:\n  prometheus: ${hashSync('secret', 10)}\n`
  const webConfigFile = folder.write('web.yml', users)
  shard = await HandFed.start({ webConfigFile })
  const { url, web } = shard
  const scrape = () => ask(`${url}/-/healthy`, { headers: basic('prometheus', 'secret') })
  expect((await scrape()).status).toBe(200)
  const tries = Array.from({ length: 60 }, (_, i) =>
    ask(`${url}/-/healthy`, { headers: basic('prometheus', `wrong-${i}`) }),
  )
  writeFileSync(
    webConfigFile,
    `${users}http_server_config:\n  headers:\n    X-Frame-Options: deny\n`,
  )
  await eventually(() => expect(web!.reloads.success).toBe(1))
  tries.push(
    ...Array.from({ length: 60 }, (_, i) =>
      ask(`${url}/-/healthy`, { headers: basic('prometheus', `worse-${i}`) }),
    ),
  )
  for (let i = 0; i < 10; i++) expect((await scrape()).status).toBe(200)
  const answers = await Promise.all(tries)
  const shed = answers.filter(({ status }) => status === 503)
  expect(shed.length).toBeGreaterThan(60)
  for (const { headers } of shed) expect(headers['retry-after']).toBe('5')
  expect(answers.filter(({ status }) => status === 401).length + shed.length).toBe(120)
  expect(web!.refused.busy).toBe(shed.length)
})
