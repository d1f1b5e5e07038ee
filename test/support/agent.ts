import { type Agent, createAgent } from '../../agent/server/agent.js'
import type { AgentConfig, LoadedPlan } from '../../agent/server/config.js'
import type { Sink, TargetSink } from '../../agent/targets/sink.js'
import { oneStep } from '../../shared/base/steps.js'
import type { Label } from '../../shared/metrics/model.js'
import type { Collected } from '../../shared/publish/publications.js'
import { silent } from './kafka.js'

const MIB = 2 ** 20

const agentConfig = (overrides: Partial<AgentConfig> = {}): AgentConfig => ({
  listen: { host: '127.0.0.1', port: 0 },
  externalUrl: undefined,
  routePrefix: undefined,
  maxConnections: 1000,
  maxRequests: 40,
  web: undefined,
  enableLifecycle: true,
  host: undefined,
  file: undefined,
  loadPlan: () => oneStep(() => NO_PLAN),
  limits: {
    totalBodyBytes: 128 * MIB,
    retainedBytes: 512 * MIB,
    bodyBytes: 16 * MIB,
    discoveryBytes: 32 * MIB,
  },
  ...overrides,
})

const NO_PLAN: LoadedPlan = {
  plan: { jobs: [], externalLabels: {}, sidecars: new Set() },
  warnings: [],
}

/** Starts an agent on a free port, by default with a sink of this process. */
export async function startAgent(
  overrides: Partial<AgentConfig> = {},
  sink: Sink = new RecordingSink(),
  logger = silent,
): Promise<Agent> {
  const { agent, starting } = newAgent(overrides, sink, logger)
  await starting
  return agent
}

/** An agent that is starting. */
export function newAgent(
  overrides: Partial<AgentConfig>,
  sink: Sink,
  logger = silent,
): { readonly agent: Agent; readonly starting: Promise<void> } {
  const agent = createAgent(agentConfig(overrides), {
    sink,
    logger,
    version: '1.2.3',
    proxyEnvironment: {},
  })
  return { agent, starting: agent.start() }
}

/** Keeps all that targets offer, by the values of their labels joined by commas. */
export class RecordingSink implements Sink {
  readonly offered: { readonly target: string; readonly collected: Collected }[] = []
  readonly openTargets = new Set<string>()
  readonly failed = new Promise<never>(() => {})
  readonly bytes = 0
  readonly failures = 0

  async start(): Promise<void> {}

  open({ labels }: { readonly labels: readonly Label[] }): TargetSink {
    const target = labels.map(({ value }) => value).join()
    const counts = { offered: 0, superseded: 0, refused: 0, held: 0 }
    this.openTargets.add(target)
    return {
      counts,
      offer: collected => {
        counts.offered++
        this.offered.push({ target, collected })
      },
      drain: async () => {},
      close: () => void this.openTargets.delete(target),
    }
  }

  trouble(): undefined {}

  async stop(): Promise<void> {}

  /** Collections of a target. */
  of(target: string): Collected[] {
    return this.offered.flatMap(offer => (offer.target === target ? [offer.collected] : []))
  }
}
