import type { Rendering } from './answer.js'
import { apiList } from './api-list.js'
import type { MergedList } from './group-list.js'
import { joined } from './lists.js'
import type { Services } from './services.js'

/** `/api/v1/targets?scope=`: all targets with their states; the page at `/` reads it. */
export function targets(services: Services) {
  return apiList({ path: '/api/v1/targets', own, render }, services)
}

function own({ shard, clock, address, lists }: Services) {
  const now = clock.now()
  return lists.render(target => [
    JSON.stringify({ ...shard.describe(target, now), shard: address }),
  ])
}

function render({ answers, lines }: MergedList): Rendering {
  const shards = answers.map(({ address, partitions }) => ({ address, partitions }))
  const head = `{"status":"success","data":{"shards":${JSON.stringify(shards)},"targets":[\n`
  return joined(head, lines, ',\n', '\n]}}\n')
}
