import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createOnce } from '../create-once.js'
import { freePorts } from '../ports.js'
import { classPath } from './jars.js'
import { checkJava, type Java } from './java.js'
import { KafkaNode } from './node.js'
import { clusterId, writeNode } from './properties.js'

/**
 * Creates an archive of the classes that a broker loads (AppCDS), once per Java installation. It
 * halves the start time of a broker. Java writes it at the regular exit of a broker.
 */
export async function classArchive(
  java: Java,
  jars: string,
  log: (message: string) => void,
): Promise<string> {
  const folder = join(jars, `archive-${java.fingerprint}`)
  await createOnce(
    folder,
    async unfinished => {
      await checkJava(java)
      log('creating the class archive of Kafka, for faster starts (once)')
      const [port, controllerPort] = await freePorts(2)
      const run = join(unfinished, 'run')
      mkdirSync(run)
      const plan = { id: 1, port, controllerPort, folder: run }
      writeNode(plan, { id: clusterId(), nodes: [plan] })
      const jvm = [`-XX:ArchiveClassesAtExit=${join(unfinished, 'kafka.jsa')}`]
      const node = new KafkaNode(1, `127.0.0.1:${port}`, run, {
        java: java.path,
        classPath: classPath(jars),
        jvm,
      })
      try {
        await node.start()
        await node.kill('SIGTERM')
      } finally {
        await node.kill()
      }
    },
    log,
  )
  return join(folder, 'kafka.jsa')
}
