import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createRunFolder, removeRunFolder } from '../folders.js'
import { freePorts } from '../ports.js'
import { classArchive } from './class-archive.js'
import { classPath, fetchJars } from './jars.js'
import { findJava, kafkaUnavailable } from './java.js'
import { KafkaNode, PortTaken, type Runtime } from './node.js'
import { clusterId, type NodePlan, writeNode } from './properties.js'

export interface Cluster {
  readonly nodes: readonly KafkaNode[]
  /** Kills all nodes and removes their data. */
  stop(): Promise<void>
}

export async function startCluster(options: {
  readonly brokers: number
  readonly properties: Readonly<Record<string, string>>
  readonly log: (message: string) => void
}): Promise<Cluster> {
  const runtime = await prepare(options.log)
  for (let attempt = 1; ; attempt++) {
    const folder = createRunFolder('kafka')
    const nodes = await plan(folder, options, runtime)
    const stop = async () => {
      await Promise.all(nodes.map(node => node.kill()))
      removeRunFolder(folder)
    }
    try {
      await Promise.all(nodes.map(node => node.start()))
      return { nodes, stop }
    } catch (error) {
      await stop()
      // A port was free when it was chosen, but another process has taken it since.
      if (!(error instanceof PortTaken) || attempt === 10) throw error
    }
  }
}

/** @throws Unavailable */
async function prepare(log: (message: string) => void): Promise<Runtime> {
  const java = findJava()
  if (!java) throw kafkaUnavailable('Java is missing')
  const jars = await fetchJars(log)
  const archive = await classArchive(java, jars, log)
  return {
    java: java.path,
    classPath: classPath(jars),
    jvm: [`-XX:SharedArchiveFile=${archive}`, '-Xlog:cds=off'],
  }
}

async function plan(
  folder: string,
  options: { readonly brokers: number; readonly properties: Readonly<Record<string, string>> },
  runtime: Runtime,
): Promise<KafkaNode[]> {
  const ports = await freePorts(2 * options.brokers)
  const plans = Array.from({ length: options.brokers }, (_, i): NodePlan => {
    const own = join(folder, `node-${i + 1}`)
    mkdirSync(own)
    return { id: i + 1, port: ports[2 * i], controllerPort: ports[2 * i + 1], folder: own }
  })
  const cluster = { id: clusterId(), nodes: plans }
  return plans.map(p => {
    writeNode(p, cluster, options.properties)
    return new KafkaNode(p.id, `127.0.0.1:${p.port}`, p.folder, runtime)
  })
}
