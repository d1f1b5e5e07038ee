import type { Mount } from './mounts.js'

/** What statfs(2) tells about a filesystem. */
export interface Statistics {
  /** Size of a block, bytes. */
  readonly bsize: number
  /** Numbers of blocks: all, free, and free for users other than root. */
  readonly blocks: number
  readonly bfree: number
  readonly bavail: number
  /** Numbers of file nodes. */
  readonly files: number
  readonly ffree: number
}

/** The statistics of a mount, or the error as in the label `device_error`. */
export type Measured = Statistics | string

export type Statfs = (mountPoint: string) => Promise<Statistics>

export const TIMED_OUT = 'mountpoint timeout'

/**
 * A call that hangs keeps one of the four threads of Node.js, which also resolve names and read
 * files. So hung mounts may keep two of them, and those that cannot hang are asked on another one.
 */
const MAX_REMOTE_CALLS = 2
/** These are answered from memory, whatever their device does. */
const LOCAL_TYPE = /^(ext[234]|xfs|btrfs|zfs|f2fs|jfs|reiserfs|vfat|exfat|tmpfs|ramfs|bcachefs)$/

/**
 * Asks for the statistics of mounts, some of which may hang, as those of a file server that is gone.
 * A mount that hangs is not asked again before its call has returned.
 */
export class MountStatistics {
  /** Mounts whose calls have not returned, and whether they are local. */
  readonly #calls = new Map<string, { readonly local: boolean }>()

  constructor(private readonly statfs: Statfs) {}

  /**
   * @param timeoutMs after which mounts that have not answered are given up
   * @returns in the order of the mounts
   */
  async measure(mounts: readonly Mount[], timeoutMs: number): Promise<readonly Measured[]> {
    const results: Measured[] = mounts.map(() => TIMED_OUT)
    const local: number[] = []
    const remote: number[] = []
    mounts.forEach(({ type }, i) => {
      ;(LOCAL_TYPE.test(type) ? local : remote).push(i)
    })
    let late = false
    const lane = async (waiting: number[]) => {
      for (;;) {
        const i = waiting.shift()
        if (i === undefined || late) return
        const { mountPoint } = mounts[i]
        if (this.#calls.has(mountPoint)) continue
        const measured = await this.#ask(mountPoint, waiting === local)
        if (!late) results[i] = measured
      }
    }
    const free = MAX_REMOTE_CALLS - this.#hung(false)
    const lanes = Array.from({ length: Math.max(0, free) }, () => lane(remote))
    if (this.#hung(true) === 0) lanes.push(lane(local))
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise(resolve => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([Promise.all(lanes), timeout])
    late = true
    clearTimeout(timer)
    return results
  }

  #hung(local: boolean): number {
    return [...this.#calls.values()].filter(call => call.local === local).length
  }

  async #ask(mountPoint: string, local: boolean): Promise<Measured> {
    this.#calls.set(mountPoint, { local })
    try {
      return await this.statfs(mountPoint)
    } catch (error) {
      return errorText(error)
    } finally {
      this.#calls.delete(mountPoint)
    }
  }
}

/** Linux's texts where those of Node.js differ, by code or number. */
const TEXTS: Readonly<Record<string, string>> = {
  EIO: 'input/output error',
  ENOTCONN: 'transport endpoint is not connected',
  '-112': 'host is down',
  '-116': 'stale file handle',
}

/** The text of an error as Go has it. That of Node.js is `CODE: text, statfs '/path'`. */
function errorText(error: unknown): string {
  const { code, errno, message } = error as NodeJS.ErrnoException
  return (
    TEXTS[code ?? ''] ??
    TEXTS[String(errno)] ??
    /^\w+: (.*), statfs/.exec(message)?.[1] ??
    'unknown error'
  )
}
