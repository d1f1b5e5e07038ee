/** What one of the programs must be granted on a cluster with authorization. */
export interface AclGrant {
  readonly who: 'publisher' | 'exposer' | 'gateway'
  readonly resource: 'topic' | 'group'
  readonly name: string
  readonly operations: readonly string[]
  /** The command that grants it, with the principal to fill in. */
  readonly command: string
}

export interface AclNames {
  readonly topic: string
  /** The exposers' consumer group. */
  readonly group: string
  /** Where gateways write what is pushed to them. */
  readonly pushTopic: string
  readonly gatewayGroup: string
}

export const ACL_NAMES: AclNames = {
  topic: 'metrics.snapshots',
  group: 'kafka-exposer',
  pushTopic: 'metrics.pushes',
  gatewayGroup: 'kafka-exposer-gateway',
}

/** The least that each program needs: no one may create or delete anything. */
export function aclsToGrant(brokers: readonly string[], names: AclNames): AclGrant[] {
  const grant = (
    who: AclGrant['who'],
    resource: AclGrant['resource'],
    name: string,
    operations: string[],
  ): AclGrant => ({
    who,
    resource,
    name,
    operations,
    command: [
      `kafka-acls.sh --bootstrap-server ${brokers[0] ?? 'localhost:9092'} --add --allow-principal User:<${who}>`,
      ...operations.map(operation => `--operation ${operation}`),
      `--${resource} ${name}`,
    ].join(' '),
  })
  return [
    grant('publisher', 'topic', names.topic, ['Write', 'Describe']),
    grant('exposer', 'topic', names.topic, ['Read', 'Describe', 'DescribeConfigs']),
    grant('exposer', 'group', names.group, ['Read', 'Describe']),
    grant('gateway', 'topic', names.topic, ['Write', 'Describe']),
    grant('gateway', 'topic', names.pushTopic, ['Read', 'Write', 'Describe', 'DescribeConfigs']),
    grant('gateway', 'group', names.gatewayGroup, ['Read', 'Describe']),
  ]
}
