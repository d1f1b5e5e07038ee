import { createRedisStore } from '../redis-store.js'
import { SteadyPushes } from '../steady-pushes.js'

/** A gateway's store that is pushed to until it is killed. It reports what was acknowledged. */
const [endpoint, ...jobs] = process.argv.slice(2)
const store = createRedisStore([endpoint])
await store.start()
const pushes = new SteadyPushes([store], jobs)
setInterval(() => process.send!([...pushes.done]), 5)
