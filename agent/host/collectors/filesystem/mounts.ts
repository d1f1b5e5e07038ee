import { fieldsOf, linesOf, UnexpectedContent } from '../../parse.js'

/** The defaults of node_exporter's flags for Linux. */
const EXCLUDED_MOUNT_POINTS =
  /^\/(dev|proc|run\/credentials\/.+|sys|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+)($|\/)/
const EXCLUDED_TYPES =
  /^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$/

export interface Mount {
  readonly device: string
  readonly mountPoint: string
  readonly type: string
  readonly major: string
  readonly minor: string
  readonly readonly: boolean
}

/**
 * The mounts of a `mountinfo` file that are not excluded, without the prefix of the root.
 *
 * @param root where the root of the host is mounted, `/` if this is the host
 * @throws UnexpectedContent
 */
export function mountsOf(text: string, root: string): Mount[] {
  return linesOf(text)
    .map(line => mountOf(line, root))
    .filter(
      ({ mountPoint, type }) =>
        !EXCLUDED_MOUNT_POINTS.test(mountPoint) && !EXCLUDED_TYPES.test(type),
    )
}

function mountOf(line: string, root: string): Mount {
  const fields = fieldsOf(line)
  const [type, source, superOptions] = fields.slice(-3)
  const [, major, minor] = /^([0-9]{1,10}):([0-9]{1,10})$/.exec(fields[2] ?? '') ?? []
  if (fields.length < 10 || fields.at(-4) !== '-' || major === undefined)
    throw new UnexpectedContent('mountinfo', 'unexpected line', line)
  const options = [fields[5], superOptions].flatMap(list => list.split(','))
  return {
    device: source,
    mountPoint: withoutRoot(unescaped(fields[4]), root),
    type,
    major: String(Number(major)),
    minor: String(Number(minor)),
    readonly: options.includes('ro') || superOptions.split(',').includes('emergency_ro'),
  }
}

/** node_exporter unescapes blanks and tabs only. */
const unescaped = (path: string): string => path.replaceAll('\\040', ' ').replaceAll('\\011', '\t')

function withoutRoot(path: string, root: string): string {
  if (root === '/' || !path.startsWith(root)) return path
  return path.slice(root.length) || '/'
}
