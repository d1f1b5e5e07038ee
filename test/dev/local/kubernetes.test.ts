import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = `${root}deploy/kubernetes/`

const container = z.object({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()).optional(),
  restartPolicy: z.literal('Always').optional(),
  env: z.array(z.object({ name: z.string() })).optional(),
  resources: z.object({ requests: z.object({ memory: z.string() }) }).optional(),
  securityContext: z
    .object({
      runAsNonRoot: z.literal(true),
      readOnlyRootFilesystem: z.literal(true),
      allowPrivilegeEscalation: z.literal(false),
      capabilities: z.object({ drop: z.array(z.string()) }),
    })
    .optional(),
  volumeMounts: z.array(z.object({ name: z.string(), readOnly: z.literal(true) })).optional(),
})
const workload = z.object({
  kind: z.enum(['DaemonSet', 'Deployment']),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.object({
        initContainers: z.array(container).optional(),
        containers: z.array(container),
        volumes: z.array(z.object({ name: z.string() })).optional(),
        terminationGracePeriodSeconds: z.number(),
      }),
    }),
  }),
})

const files = readdirSync(folder)
const workloadsOf = (file: string) =>
  parseAllDocuments(readFileSync(folder + file, 'utf8')).flatMap(document => {
    expect(document.errors).toEqual([])
    const value = document.toJS()
    return ['DaemonSet', 'Deployment'].includes(value.kind) ? [workload.parse(value)] : []
  })
const agentOf = ({ spec }: z.infer<typeof workload>) => {
  const pod = spec.template.spec
  return [...(pod.initContainers ?? []), ...pod.containers].find(({ name }) => name === 'agent')!
}

/** Flags of the agent and their environment variables, from its help. */
const help = readFileSync(`${root}test/cli/agent-help.txt`, 'utf8')

describe.each(files)('the manifest %s', file => {
  const [only, ...others] = workloadsOf(file)

  test('has one workload that selects its own pods', () => {
    expect(others).toEqual([])
    expect(only.spec.template.metadata.labels).toMatchObject(only.spec.selector.matchLabels)
  })

  test('has an agent without privileges, with flags and variables that exist', () => {
    const agent = agentOf(only)
    expect(agent.securityContext?.capabilities.drop).toEqual(['ALL'])
    expect(agent.args?.[0]).toBe('agent')
    for (const argument of agent.args!.slice(1)) {
      const flag = /^--(?:no-)?([a-z.-]+)/.exec(argument)![1]
      expect(help).toMatch(new RegExp(`--(\\[no-\\])?${flag.replaceAll('.', '\\.')}\\b`))
    }
    const variables = agent.env?.map(({ name }) => name).filter(name => name !== 'NODE_OPTIONS')
    for (const name of variables ?? []) expect(help).toContain(`$${name}`)
  })

  test('mounts volumes that it has, and gives the agent time to end its targets', () => {
    const pod = only.spec.template.spec
    const volumes = (pod.volumes ?? []).map(({ name }) => name)
    for (const { name } of agentOf(only).volumeMounts ?? []) expect(volumes).toContain(name)
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(20)
  })
})

test('the sidecar starts before its application and stops after it', () => {
  const [{ spec }] = workloadsOf('agent-sidecar.yml')
  expect(spec.template.spec.initContainers?.map(({ restartPolicy }) => restartPolicy)).toEqual([
    'Always',
  ])
})
