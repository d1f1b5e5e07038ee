import { Counter, Summary } from 'prom-client'
import { sleep } from './random.js'
import type { DemoService } from './service.js'

const METHODS = ['card', 'transfer', 'invoice']
const OUTCOMES = ['accepted', 'declined']
/** The oldest payment is deleted beyond this number. */
const MAX_PAYMENTS = 1000

/** Payment service that declines some payments. */
export const payments: DemoService = {
  job: 'payments',

  routes(router, register, random) {
    const stored = new Map<string, { id: string; method: string; euros: number }>()
    let next = 1
    const registers = [register]
    const total = new Counter({
      name: 'payments_total',
      help: 'Total number of payments by method and outcome.',
      labelNames: ['method', 'outcome'] as const,
      registers,
    })
    for (const method of METHODS) for (const outcome of OUTCOMES) total.inc({ method, outcome }, 0)
    const amounts = new Summary({
      name: 'payments_amount_euros',
      help: 'Amount of accepted payments.',
      percentiles: [0.5, 0.9, 0.99],
      maxAgeSeconds: 600,
      ageBuckets: 5,
      registers,
    })

    router.post('/payments', async context => {
      await sleep(random.duration(30))
      const method = String(context.query.method)
      if (!METHODS.includes(method)) {
        context.status = 400
        context.body = { error: `method must be one of ${METHODS.join(', ')}` }
        return
      }
      if (random.chance(0.05)) {
        total.inc({ method, outcome: 'declined' })
        context.status = 402
        return
      }
      const payment = { id: String(next++), method, euros: random.duration(40) }
      stored.set(payment.id, payment)
      if (stored.size > MAX_PAYMENTS) stored.delete(stored.keys().next().value!)
      total.inc({ method, outcome: 'accepted' })
      amounts.observe(payment.euros)
      context.status = 201
      context.body = payment
    })
    router.get('/payments/:id', async context => {
      await sleep(random.duration(3))
      const payment = stored.get(context.params.id)
      if (payment) context.body = payment
    })
  },

  async visit(call, random) {
    const method = random.chance(0.01) ? 'barter' : random.pick(METHODS)
    const { status, body } = await call('POST', `/payments?method=${method}`)
    if (status === 201) await call('GET', `/payments/${(body as { id: string }).id}`)
  },
}
