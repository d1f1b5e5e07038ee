import { z } from 'zod'
import {
  actionFlag,
  choice,
  duration,
  flag,
  hostPort,
  httpUrl,
  integer,
  list,
  size,
  switchFlag,
  text,
} from '../../shared/base/flags/builders.js'
import { listenFlag, webFlags } from '../../shared/http/flags.js'
import { optionalKafkaFlags } from '../../shared/kafka/flags.js'
import { TOPICS } from '../../shared/kafka/topics/profiles.js'
import { DEFAULT_LIMITS } from '../../shared/metrics/limits.js'
import { commonFlags, logFlags } from '../common.js'
import { seriesLimitFlags } from '../limits.js'

const PORT = 9753
const REDIS_MODES = ['auto', 'server', 'cluster', 'sentinel'] as const

const path = z.string().regex(/^\/[^\s?#]*$/, 'must begin with a slash, such as /metrics')

const labelName = z
  .string()
  .trim()
  .regex(/^(?!__)[^\0]+$/, 'must be label names without a leading __')

/** As in Go: without a host it is this machine. */
const redisEndpoint = z
  .string()
  .trim()
  .transform(text => (text.startsWith(':') ? `localhost${text}` : text))
  .pipe(hostPort)

/** A brace would be taken for the hash tag of the keys. */
const redisKeyPrefix = z
  .string()
  .max(256)
  .regex(/^[^{}]*$/, 'must not contain braces')

const storeFlags = {
  ...optionalKafkaFlags('Required unless pushes are kept in Redis.'),
  'kafka.pushes-topic': flag(text, {
    default: TOPICS.pushes.name,
    help: 'Topic of the log of pushes.',
  }),
  'kafka.push-snapshots-topic': flag(text, {
    default: TOPICS.pushSnapshots.name,
    help: 'Topic of the snapshots of all that is held.',
  }),
  'kafka.writes-topic': flag(text, {
    default: TOPICS.writes.name,
    help: 'Topic of what is received by remote write.',
  }),
  'kafka.topic': flag(text, {
    default: TOPICS.snapshots.name,
    help: 'Topic of the snapshots of targets, for --publish and --write.mirrors.',
  }),
  'kafka.group': flag(text, {
    default: 'kafka-exposer-gateway',
    help: 'Consumer groups of the gateways begin with this name; that of --publish is <name>-publish, that of --write.mirrors is <name>-mirrors.',
  }),
  'kafka.session-timeout': flag(duration({ min: '1s', max: '30m' }), {
    default: '20s',
    help: 'Time without a heartbeat after which other gateways take over what a gateway mirrored and published. A short timeout detects a dead gateway sooner, but an ordinary broker failover takes about 6s.',
  }),
  'kafka.instance-id': flag(text, {
    placeholder: '<id>',
    help: 'Identity of this gateway in its consumer groups (group.instance.id), such as the name of the host: different for each gateway, and the same after a restart. A gateway that was killed and starts again within the session timeout then goes on at once with what it mirrored and published. By default it has none, and others take over after the session timeout.',
  }),
  'log.accept-gap': switchFlag({
    help: 'Start although the log does not continue the newest snapshot, with what is left. Pushes are lost then.',
  }),
  'redis.endpoint': list(redisEndpoint, {
    placeholder: '<host:port>',
    help: 'Keep pushes in Redis, and not in Kafka: the server, nodes of the Cluster, or the Sentinels, separated by commas.',
  }),
  'redis.mode': flag(choice(...REDIS_MODES), {
    default: 'auto',
    help: `Kind of Redis. "auto" asks the first endpoint that answers. One of: [${REDIS_MODES.join(', ')}]`,
  }),
  'redis.sentinel-master': flag(text, {
    default: 'mymaster',
    help: 'Name of the master in the Sentinels.',
  }),
  'redis.database': flag(integer(0, 65_535), { default: '0', help: 'Number of the database.' }),
  'redis.key-prefix': flag(redisKeyPrefix, {
    default: 'kafka-exposer:',
    help: 'Beginning of all keys. Gateways with the same prefix serve the same.',
  }),
  'redis.config.file': flag(text, {
    placeholder: '<file>',
    help: 'YAML file with "username", "password" or "password_file", "ssl" (true, or ca_file, cert_file, key_file, server_name, insecure_skip_verify), and "sentinel" with the same for the Sentinels. Relative paths are resolved against the folder of the file. It is read before each connection.',
  }),
  'redis.timeout': flag(duration({ min: '10ms', max: '1m' }), {
    default: '3s',
    help: 'Time within which Redis has to answer.',
  }),
  'redis.wait-replicas': flag(integer(0, 100), {
    default: '0',
    help: 'Number of replicas that have to acknowledge a push. Fewer are answered with 503. Redis replicates asynchronously: a failover can lose what no replica has acknowledged.',
  }),
  'redis.wait-timeout': flag(duration({ min: '1ms', max: '1m' }), {
    default: '1s',
    help: 'Time within which replicas have to acknowledge a push.',
  }),
  'redis.max-in-flight': flag(integer(1, 1_000_000), {
    default: '10000',
    help: 'Maximum number of requests to Redis in progress.',
  }),
  'redis.expiration': flag(duration({ max: '3650d' }), {
    default: '5m',
    help: 'Time after which a series of --ingest.path is removed, with either store, unless X-Expires-After says otherwise. 0 keeps it.',
  }),
}

const pushFlags = {
  'push.expiration': flag(duration({ max: '3650d' }), {
    default: '0',
    help: 'Time without a push after which a push group is removed, unless X-Expires-After says otherwise. 0 keeps it.',
  }),
  'push.disable-consistency-check': switchFlag({
    help: 'Do not check the consistency of pushes. What is in conflict is left out of /metrics.',
  }),
  'push.enable-utf8-names': switchFlag({
    help: 'Allow UTF-8 characters in metric and label names.',
  }),
  publish: switchFlag({
    help: 'Publish each push group as a target to --kafka.topic, so that exposers serve it as a virtual target. Do not scrape the gateway then. Not with Redis.',
  }),
  'publish.interval': flag(duration({ min: '1s', max: '10m' }), {
    default: '15s',
    help: 'Interval of the snapshots of a published push group. The scrape interval of its virtual target, or less. To be the same for all gateways.',
  }),
  'write.target-labels': list(labelName, {
    placeholder: '<label>',
    help: 'Labels that tell the targets of series received by remote write apart, separated by commas. With "job"; a series without it has the job "remote_write". To be the same for all gateways. By default, "job", "instance", "cluster", "prometheus" and "prometheus_replica".',
  }),
  'limit.body-bytes': flag(size({ min: '1KiB' }), {
    default: '16MiB',
    help: 'Maximum size of a request body as sent.',
  }),
  'limit.decoded-bytes': flag(size({ min: '1KiB' }), {
    default: '64MiB',
    help: 'Maximum size of a request body after decompression.',
  }),
  'limit.samples': flag(integer(1, 10_000_000), {
    default: String(DEFAULT_LIMITS.samples),
    help: 'Maximum number of samples of a push.',
  }),
  'limit.total-samples': flag(integer(1, 100_000_000), {
    default: '10000000',
    help: 'Maximum number of samples of all push groups.',
  }),
  ...seriesLimitFlags,
  'limit.requests': flag(integer(1, 1_000_000), {
    default: '1000',
    help: 'Maximum number of requests that wait for Kafka or Redis.',
  }),
  'limit.rate': flag(integer(0, 1_000_000), {
    default: '0',
    help: 'Maximum number of pushes and deletions per second and client address, on average over 10s. 0 is no limit.',
  }),
  'limit.new-targets': flag(integer(0, 1_000_000), {
    default: '500',
    help: 'Maximum number of new targets per second in remote write requests, on average over 10s. A request that has more has to come again. Targets that come within a minute after the first request count as known. 0 is no limit.',
  }),
  'memory.limit': flag(size({ min: '1MiB' }), {
    help: "Memory for what is held. A push that needs more than it replaces is refused when the limit is reached. Default: 60% of the memory of the cgroup, or else of the machine, and at most 60% of V8's heap limit; NODE_OPTIONS=--max-old-space-size raises that.",
  }),
}

const mirrorFlags = {
  'write.mirrors': switchFlag({
    default: 'true',
    help: 'Publish the targets whose samples come by remote write to --kafka.topic, so that exposers serve them as virtual targets. It begins when the topics are there. Not with Redis.',
  }),
  'write.lookback': flag(duration({ min: '10s', max: '1h' }), {
    default: '5m',
    help: 'Time after which a mirrored series without a sample or a stale marker is gone, and a mirrored target without up has none. To be the same for all gateways.',
  }),
  'write.assembly-timeout': flag(duration({ min: '100ms', max: '5m' }), {
    default: '10s',
    help: 'Maximum time for which the snapshot of a mirrored target waits for the other samples of its scrape. To be the same for all gateways.',
  }),
  'write.interval': flag(duration({ min: '1s', max: '10m' }), {
    default: '15s',
    help: 'Interval of the snapshots of a mirrored target without up. To be the same for all gateways.',
  }),
}

const pathFlags = {
  port: flag(integer(0, 65_535), {
    short: 'p',
    placeholder: '<port>',
    help: 'Port to listen on, on all interfaces. The same as --web.listen-address=:<port>.',
  }),
  'metrics.path': flag(path, {
    short: 'm',
    default: '/metrics',
    help: 'Path of what was pushed.',
  }),
  'web.telemetry-path': flag(path, {
    placeholder: '<path>',
    help: 'The same as --metrics.path.',
  }),
  'telemetry.path': flag(path, {
    short: 't',
    default: '/telemetry',
    help: "Path of the gateway's own metrics.",
  }),
  'ingest.path': flag(path, {
    short: 'i',
    default: '/ingest',
    help: 'Path to which series are pushed without a push group.',
  }),
}

const compatibilityFlags = {
  'tls.enabled': switchFlag({ help: 'Enable TLS. See also --web.config.file.' }),
  'tls.key': flag(text, { placeholder: '<file>', help: 'PEM file of the private key.' }),
  'tls.cert': flag(text, { placeholder: '<file>', help: 'PEM file of the certificate.' }),
  'config.file': flag(text, {
    placeholder: '<file>',
    help: 'YAML file of PushGatewayRedis. What it has overrides the flags.',
  }),
  'persistence.file': flag(z.string(), {
    placeholder: '<file>',
    help: 'Ignored: pushes are kept in Kafka or Redis.',
  }),
  'persistence.interval': flag(z.string(), {
    placeholder: '<duration>',
    help: 'Ignored: pushes are kept in Kafka or Redis.',
  }),
}

export const gatewayFlags = {
  ...commonFlags,
  'check-config': actionFlag(
    'Check the flags, the files that they name and the topics, then exit without serving.',
  ),
  ...storeFlags,
  ...listenFlag(`:${PORT}`),
  ...pathFlags,
  'web.external-url': flag(httpUrl, {
    placeholder: '<url>',
    help: 'URL under which the gateway is reached, if it is behind a proxy.',
  }),
  'web.route-prefix': flag(z.string(), {
    placeholder: '<path>',
    help: 'Prefix under which all paths are served, besides the root: a proxy may remove it or not. By default, the path of --web.external-url.',
  }),
  ...webFlags,
  'web.enable-lifecycle': switchFlag({ help: 'Enable the end of the program by HTTP request.' }),
  'web.enable-admin-api': switchFlag({ help: 'Enable the API to delete everything.' }),
  ...pushFlags,
  ...mirrorFlags,
  ...compatibilityFlags,
  ...logFlags,
}
