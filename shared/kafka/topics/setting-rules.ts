import { COMPRESSION_TYPES, READABLE_CODECS } from '../codecs.js'
import { numericSetting, type TopicRule } from './facts.js'

/** `message.timestamp.type=LogAppendTime`. */
export const appendTime: TopicRule = ({ settings, commands }) => {
  if (settings.get('message.timestamp.type') === 'LogAppendTime') return null
  return {
    severity: 'error',
    message:
      'records carry the timestamps of their producers: one clock that is a minute ahead makes all other targets of its partition look stale',
    fix: commands.set('message.timestamp.type=LogAppendTime'),
  }
}

/**
 * `compression.type`: an error if `codecs.ts` cannot decompress it here, a warning if it costs CPU.
 */
export const readableCompression: TopicRule = ({ settings, commands }) => {
  const codec = settings.get('compression.type') ?? 'producer'
  const fix = commands.set('compression.type=uncompressed')
  if (codec === 'uncompressed') return null
  if (codec === 'producer') {
    const readable = COMPRESSION_TYPES.filter(name => READABLE_CODECS.has(name)).join(', ')
    const message = `records are stored as compressed by their producers: reading ${readable} takes twice the CPU, and records with other codecs are refused`
    return { severity: 'warning', message, fix }
  }
  return READABLE_CODECS.has(codec)
    ? {
        severity: 'warning',
        message: `the brokers compress records with ${codec}: reading them takes twice the CPU`,
        fix,
      }
    : {
        severity: 'error',
        message: `the brokers compress records with ${codec}, ${NEEDS[codec] ?? 'which exposers cannot decompress'}`,
        fix,
      }
}

const NEEDS: Readonly<Record<string, string>> = { zstd: 'which requires Node.js 22.15 or newer' }

/**
 * `retention.ms` of at least `ms`, or unlimited.
 *
 * @param consequence of a shorter retention
 */
export function retentionOfAtLeast(ms: number, consequence: string): TopicRule {
  return facts => {
    const retention = numericSetting(facts, 'retention.ms')
    if (!(retention >= 0 && retention < ms)) return null
    return {
      severity: 'error',
      message: `records are deleted after ${retention / 1000} s, ${consequence}`,
      fix: facts.commands.set(`retention.ms=${ms}`),
    }
  }
}

/**
 * `retention.ms=-1`.
 *
 * @param consequence of a limited retention
 */
export function unlimitedRetention(consequence: string): TopicRule {
  return facts => {
    const retention = numericSetting(facts, 'retention.ms')
    if (!(retention >= 0)) return null
    return {
      severity: 'error',
      message: `records are deleted after ${retention / 1000} s, ${consequence}`,
      fix: facts.commands.set('retention.ms=-1'),
    }
  }
}

/**
 * `retention.bytes=-1`.
 *
 * @param consequence of a limit
 */
export function noRetentionBytes(severity: 'error' | 'warning', consequence: string): TopicRule {
  return facts => {
    const bytes = numericSetting(facts, 'retention.bytes')
    if (!(bytes >= 0)) return null
    return {
      severity,
      message: `partitions are truncated to ${bytes} bytes, ${consequence}`,
      fix: facts.commands.set('retention.bytes=-1'),
    }
  }
}

/**
 * `cleanup.policy=delete`.
 *
 * @param consequence effect of compaction on this topic
 */
export function notCompacted(consequence: string): TopicRule {
  return ({ settings, commands }) => {
    const policy = settings.get('cleanup.policy') ?? 'delete'
    if (!policy.includes('compact')) return null
    return {
      severity: 'error',
      message: `cleanup.policy is ${policy}: ${consequence}`,
      fix: commands.set('cleanup.policy=delete'),
    }
  }
}

/**
 * `max.message.bytes` of at least `bytes`.
 *
 * @param recommended value that the command sets
 * @param contents records that can be so large
 */
export function messagesOfAtLeast(bytes: number, recommended: number, contents: string): TopicRule {
  return facts => {
    const most = numericSetting(facts, 'max.message.bytes')
    if (!(most < bytes)) return null
    return {
      severity: 'error',
      message: `the topic refuses records of more than ${most} bytes, but ${contents}`,
      fix: facts.commands.set(`max.message.bytes=${recommended}`),
    }
  }
}
