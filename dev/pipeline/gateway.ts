import { TOPICS } from '../../shared/kafka/topics/profiles.js'

/** Labels of the target that the demo batch job becomes. */
export const BATCH = { job: 'backup', instance: 'nightly' }

/** Topics of the gateway: with another topic of snapshots, others than those of the defaults. */
export function pushTopics(snapshots: string): { pushes: string; snapshots: string } {
  if (snapshots === TOPICS.snapshots.name)
    return { pushes: TOPICS.pushes.name, snapshots: TOPICS.pushSnapshots.name }
  return { pushes: `${snapshots}.pushes`, snapshots: `${snapshots}.pushes.snapshots` }
}

/** Flags of the gateway besides its address. */
export function gatewayFlags(topic: string, group: string): string[] {
  const { pushes, snapshots } = pushTopics(topic)
  return [
    `--kafka.pushes-topic=${pushes}`,
    `--kafka.push-snapshots-topic=${snapshots}`,
    `--kafka.group=${group}-gateway`,
    '--publish',
    '--publish.interval=5s',
  ]
}
