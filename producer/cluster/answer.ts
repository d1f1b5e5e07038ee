import { type MetricSource, Sources } from '../source.js'
import { COLLECT, COLLECTED, type CollectedMessage, READY, sendable } from './messages.js'

/** Share of the primary's timeout that a worker uses, so that its answer arrives in time. */
const SHARE = 0.9
const TEXT =
  'the text of an exposition cannot be combined with that of other workers; return metrics'

/**
 * Lets the primary of `node:cluster` collect the metrics of this worker with `clusterSource`. To be
 * called once in each worker. Adds a listener for messages of the primary.
 *
 * @param source registries, and functions that return metrics as `getMetricsAsJSON` does
 * @returns a function that removes the listener
 */
export function answerClusterSource(source: MetricSource): () => void {
  const sources = new Sources(source)
  const onMessage = (message: unknown) => {
    const { type, id, timeoutMs } = (message ?? {}) as Record<string, unknown>
    if (type === COLLECT) void answer(sources, Number(id), Number(timeoutMs) * SHARE)
  }
  process.on('message', onMessage)
  send({ type: READY })
  return () => void process.off('message', onMessage)
}

async function answer(sources: Sources, id: number, timeoutMs: number): Promise<void> {
  const { readings, errors } = await sources.collect(timeoutMs)
  const texts = readings.filter(reading => !('metrics' in reading))
  const answer: CollectedMessage = {
    type: COLLECTED,
    id,
    metrics: readings.flatMap(reading => ('metrics' in reading ? sendable(reading.metrics) : [])),
    errors: [
      ...errors.map(({ kind, metric, message }) => ({ kind, metric, message })),
      ...texts.map(() => ({ kind: 'refused' as const, message: TEXT })),
    ],
  }
  send(answer)
}

/** The primary may have gone: then there is nobody to tell. */
function send(message: unknown): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
