import { formatDuration } from '../../shared/base/flags/duration.js'
import type { MirrorProgress, MirrorsProgress } from '../store/progress.js'
import type { MirrorStatus, Mirrors } from './mirrors.js'

/** Intervals without a snapshot after which a mirror is said to be behind. */
const INTERVALS_BEHIND = 2.5
const MIN_BEHIND_S = 15

/** How far the mirrors of this gateway are. */
export function mirrorsProgress(mirrors: Mirrors): MirrorsProgress {
  return {
    partitions: mirrors.partitions,
    targets: mirrors.figures.targets,
    lagSeconds: mirrors.lagSeconds,
    *list() {
      for (const status of mirrors.targets()) yield progressOf(status, mirrors.lookbackMs)
    },
  }
}

function progressOf({ target, time }: MirrorStatus, lookbackMs: number): MirrorProgress {
  const { labels, seriesCount, isTimed, intervalMs, lastNumber, back, backAt } = target
  const isPublished = Number.isFinite(lastNumber)
  const behindSeconds = isPublished ? Math.max(0, (time - lastNumber) / 1000) : 0
  const warnings: string[] = []
  if (target.isDown) warnings.push('down: the last scrape by its sender failed')
  if (behindSeconds > Math.max(MIN_BEHIND_S, (INTERVALS_BEHIND * intervalMs) / 1000))
    warnings.push(
      `${formatDuration(Math.round(behindSeconds) * 1000)} behind: its sender catches up, or has stopped`,
    )
  if (backAt > time - lookbackMs)
    warnings.push(
      'samples came after newer ones of the same series: if two senders have this target, give each an external label that is in --write.target-labels',
    )
  return {
    labels,
    series: seriesCount,
    hasUp: !isTimed,
    intervalMs,
    lastSnapshot: isPublished ? lastNumber : undefined,
    behindSeconds,
    outOfOrder: back,
    warnings,
  }
}
