import { Counter, Gauge } from 'prom-client'
import { sleep } from './random.js'
import type { DemoService } from './service.js'

/** The oldest cart is deleted beyond this number. */
const MAX_CARTS = 500

/** Web shop with carts, most of which are checked out. */
export const shop: DemoService = {
  job: 'shop',

  routes(router, register, random) {
    const carts = new Map<string, { items: number; euros: number }>()
    let nextCart = 1
    const registers = [register]
    new Gauge({
      name: 'shop_open_carts',
      help: 'Current number of carts that are not checked out.',
      registers,
      collect() {
        this.set(carts.size)
      },
    })
    const orders = new Counter({
      name: 'shop_orders_total',
      help: 'Total number of orders.',
      registers,
    })
    const revenue = new Counter({
      name: 'shop_revenue_euros_total',
      help: 'Total revenue of all orders in euros.',
      registers,
    })

    router.post('/carts', async context => {
      await sleep(random.duration(3))
      const id = String(nextCart++)
      carts.set(id, { items: 0, euros: 0 })
      if (carts.size > MAX_CARTS) carts.delete(carts.keys().next().value!)
      context.status = 201
      context.body = { id }
    })
    router.post('/carts/:id/items', async context => {
      await sleep(random.duration(6))
      const cart = carts.get(context.params.id)
      if (!cart) return
      cart.items++
      cart.euros += 5 + random.below(9_500) / 100
      context.body = cart
    })
    router.post('/carts/:id/checkout', async context => {
      await sleep(random.duration(40))
      const cart = carts.get(context.params.id)
      if (!cart) return
      if (random.chance(0.02)) {
        context.status = 503
        context.body = { error: 'the payment provider is unavailable' }
        return
      }
      carts.delete(context.params.id)
      orders.inc()
      revenue.inc(cart.euros)
      context.body = cart
    })
  },

  async visit(call, random) {
    const { body } = await call('POST', '/carts')
    const cart = `/carts/${(body as { id: string }).id}`
    for (let items = random.below(4); items >= 0; items--) await call('POST', `${cart}/items`)
    if (random.chance(0.8)) await call('POST', `${cart}/checkout`)
  },
}
