import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalPushgateway, startPushgateway } from '../../../dev/local/pushgateway.js'
import type { GatewayConfig } from '../../../gateway/server/config.js'
import { eventually } from '../../support/eventually.js'
import { type StartedGateway, startGateway } from '../../support/gateway.js'
import { partOrSkip } from '../../support/or-skip.js'
import { CASES, type Case, UNCHECKED_CASES, UTF8_CASES } from './cases.js'
import { held, kindOf } from './comparison.js'
import { send } from './exchange.js'

const pushgateway = await partOrSkip('pushgateway')

interface Judged {
  readonly responses: readonly string[]
  readonly held: readonly string[]
}

/** Sends the requests of a case to a gateway without push groups. */
async function judge(url: string, { requests }: Case): Promise<Judged> {
  await send(url, { path: '/api/v1/admin/wipe' })
  await settled(url)
  const responses: string[] = []
  for (const request of requests) responses.push(kindOf(await send(url, request)))
  await settled(url)
  return { responses, held: await heldOf(url) }
}

const BARRIER = '/metrics/job/barrier'

/** Pushgateway applies deletions after it has answered, in the order of all requests. */
async function settled(url: string): Promise<void> {
  const { status } = await send(url, { path: BARRIER })
  if (status === 202)
    await eventually(
      async () => expect(await held(url)).toContainEqual(expect.stringContaining('barrier')),
      500,
      5,
    ).catch(() => {})
  await send(url, { method: 'DELETE', path: BARRIER })
  await eventually(
    async () => expect((await held(url)).join()).not.toContain('barrier'),
    500,
    5,
  ).catch(() => {})
}

const heldOf = async (url: string) => (await held(url)).filter(line => !line.includes('barrier'))

const SERVERS: readonly {
  readonly flags: readonly string[]
  readonly config: Partial<GatewayConfig>
  readonly cases: readonly Case[]
}[] = [
  { flags: [], config: {}, cases: CASES },
  { flags: ['--push.enable-utf8-names'], config: { utf8Names: true }, cases: UTF8_CASES },
  {
    flags: ['--push.disable-consistency-check'],
    config: { checked: false },
    cases: UNCHECKED_CASES,
  },
]

describe.skipIf(!pushgateway).each(SERVERS)('a gateway $flags', ({ flags, config, cases }) => {
  let theirs: LocalPushgateway
  let ours: StartedGateway

  beforeAll(async () => {
    theirs = await startPushgateway(['--web.enable-admin-api', '--persistence.file=', ...flags])
    ours = await startGateway({ enableLifecycle: false, ...config })
  })
  afterAll(async () => {
    await ours?.stop()
    await theirs?.stop()
  })

  test.each(cases)('$title', async case_ => {
    const their = await judge(theirs.url, case_)
    const our = await judge(ours.url, case_)
    if (case_.differs === undefined) expect(our).toEqual(their)
    else expect(our).not.toEqual(their)
    expect(our.held).not.toContainEqual(expect.stringMatching(/^status/))
  })
})
