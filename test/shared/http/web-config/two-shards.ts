import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hashSync } from 'bcryptjs'
import type { GroupMap } from '../../../../exposer/group/map.js'
import type { PeerOptions } from '../../../../exposer/group/peer-client.js'
import { HandFed, PARTITIONS, partitionOf } from '../../../exposer/hand-fed.js'
import { basic } from './ask.js'
import { type Certificate, Folder } from './certificates.js'

export const app = { job: 'shop', instance: 'a:1' }
const all = Array.from({ length: PARTITIONS }, (_, p) => p)
/** All partitions except that of the app. */
export const others = all.filter(p => p !== partitionOf(app))
export const neighbours = Array.from({ length: 100 }, (_, i) => ({
  job: 'shop',
  instance: `n:${i}`,
}))

/** A web configuration with one user, whose credentials are in `headers`. */
export const users = `basic_auth_users:\n  alice: ${hashSync('secret', 4)}\n`
export const headers = basic('alice', 'secret')
export const tlsOf = ({ certFile, keyFile }: Certificate, ...lines: string[]) =>
  `${['tls_server_config:', `cert_file: ${certFile}`, `key_file: ${keyFile}`, ...lines].join('\n  ')}\n`

/** The second shard owns the partition of the app, the first one all others. */
export const mapOf = (url: string, owner: string) => (): GroupMap => ({
  stable: true,
  partitionCount: PARTITIONS,
  members: [
    { memberId: 'a', address: url, partitions: others },
    { memberId: 'b', address: owner, partitions: [partitionOf(app)] },
  ],
})

/** Shards with web configurations, and fake ones. `stop` stops them all. */
export class Shards {
  readonly folder = new Folder()
  /** Of shards that are started from now on. */
  peers: PeerOptions = { credentialsOverHttp: true }
  readonly #stops: (() => Promise<unknown>)[] = []
  #files = 0

  async start(webConfig: string): Promise<HandFed> {
    const webConfigFile = this.folder.write(`web-${this.#files++}.yml`, webConfig)
    const shard = await HandFed.start({ webConfigFile, peers: this.peers })
    this.#stops.push(() => shard.stop())
    return shard
  }

  /** Starts two shards. The second one owns the partition of the app. */
  async pair(webConfig: string, ofOwner = webConfig): Promise<[HandFed, HandFed]> {
    const [asked, owner] = [await this.start(webConfig), await this.start(ofOwner)]
    asked.map = owner.map = mapOf(asked.url, owner.url)
    asked.assign(others)
    owner.assign([partitionOf(app)])
    await owner.append({ labels: app })
    return [asked, owner]
  }

  /** Starts a fake shard with the test's handler. @returns its URL */
  async stranger(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<string> {
    const server = createServer(answer).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    this.#stops.push(async () => {
      server.close()
      server.closeAllConnections()
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.peers = { credentialsOverHttp: true }
    for (const stop of this.#stops.splice(0)) await stop()
  }
}
