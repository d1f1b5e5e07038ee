import { DuplicateError } from '../../shared/base/duplicate-error.js'

interface GatewayMember {
  readonly group: string
  readonly instanceId?: string | undefined
}

/** Why a gateway ends whose place in a group another process has taken. */
export const duplicateGateway = ({ group, instanceId }: GatewayMember): DuplicateError =>
  new DuplicateError(
    `another gateway of group ${group} was started with the instance id ${instanceId}: this gateway ends. Set a different --kafka.instance-id for each gateway`,
  )
