import type { RemoteWriteSink } from '../../agent/targets/remote-write-sink.js'
import type { Sink } from '../../agent/targets/sink.js'
import { systemClock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { readKafkaConfig } from '../../shared/kafka/flags.js'
import { proxyEnvironment } from '../proxy-environment.js'
import { type AgentValues, remotesOf } from './config.js'
import type { ConfigFile } from './config-file.js'

interface SinkOptions {
  readonly logger: Logger
  readonly version: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/**
 * Where collections go: to Kafka, or else directly to receivers of remote write. Only the code of
 * what is used is loaded.
 */
export async function createSink(
  values: AgentValues,
  configFile: ConfigFile,
  options: SinkOptions,
): Promise<Sink> {
  if (values['kafka.brokers'].length === 0) return remoteWriteSink(values, configFile, options)
  const { KafkaSink } = await import('../../agent/targets/kafka-sink.js')
  return new KafkaSink({
    kafka: readKafkaConfig(values),
    topic: values['kafka.topic'],
    clock: systemClock,
    logger: options.logger,
  })
}

async function remoteWriteSink(
  values: AgentValues,
  configFile: ConfigFile,
  { logger, version, environment }: SinkOptions,
): Promise<Sink> {
  const { RemoteWriteSink } = await import('../../agent/targets/remote-write-sink.js')
  const { FanOutSink } = await import('../../agent/targets/fan-out-sink.js')
  const sinks = remotesOf(values, configFile).map(
    (remote): RemoteWriteSink =>
      new RemoteWriteSink({
        remote,
        maxBytes: values['remote-write.max-bytes'],
        proxyEnvironment: proxyEnvironment(environment),
        userAgent: `kafka-exposer/${version}`,
        clock: systemClock,
        logger,
      }),
  )
  return sinks.length === 1 ? sinks[0] : new FanOutSink(sinks)
}
