import { Counter, Gauge, Histogram } from 'prom-client'
import { sleep } from './random.js'
import type { DemoService } from './service.js'

const KINDS = ['lamp', 'chair', 'table', 'shelf', 'rug', 'mirror', 'clock', 'vase']
const COLOURS = ['red', 'green', 'blue', 'white', 'black', 'oak', 'brass']

const products = COLOURS.flatMap((colour, c) =>
  KINDS.map((kind, k) => ({
    id: c * KINDS.length + k,
    name: `${colour} ${kind}`,
    price: 10 + c * 7 + k * 13,
  })),
)

/** Product catalog with a lookup and a search. */
export const catalog: DemoService = {
  job: 'catalog',

  routes(router, register, random) {
    const registers = [register]
    new Gauge({ name: 'catalog_products', help: 'Current number of products.', registers }).set(
      products.length,
    )
    const searches = new Counter({
      name: 'catalog_searches_total',
      help: 'Total number of searches.',
      registers,
    })
    const results = new Histogram({
      name: 'catalog_search_results',
      help: 'Number of products found per search.',
      buckets: [0, 1, 2, 5, 10, 20],
      registers,
    })
    router.get('/products/:id', async context => {
      await sleep(random.duration(4))
      const product = products[Number(context.params.id)]
      if (product) context.body = product
    })
    router.get('/search', async context => {
      await sleep(random.duration(20))
      const term = String(context.query.q ?? '')
      const found = products.filter(product => product.name.includes(term))
      searches.inc()
      results.observe(found.length)
      context.body = found
    })
  },

  async visit(call, random) {
    const { body } = await call(
      'GET',
      `/search?q=${random.pick([...KINDS, ...COLOURS, 'unicorn'])}`,
    )
    for (const { id } of (body as { id: number }[]).slice(0, random.below(3)))
      await call('GET', `/products/${id}`)
    if (random.chance(0.05)) await call('GET', `/products/${products.length + random.below(10)}`)
  },
}
