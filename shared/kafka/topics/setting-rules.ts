import { COMPRESSION_TYPES, READABLE_CODECS } from '../codecs.js'
import { numericSetting, type TopicRule } from './facts.js'

/** `message.timestamp.type=LogAppendTime`. */
export const appendTime: TopicRule = ({ settings, commands }) => {
  if (settings.get('message.timestamp.type') === 'LogAppendTime') return null
  return {
    severity: 'error',
    message:
      'records carry the time of their producers: one clock that is a minute fast makes a whole partition look stale',
    fix: commands.set('message.timestamp.type=LogAppendTime'),
  }
}

/** `compression.type`: what `codecs.ts` does not read here is an error, what costs time a warning. */
export const readableCompression: TopicRule = ({ settings, commands }) => {
  const codec = settings.get('compression.type') ?? 'producer'
  const fix = commands.set('compression.type=uncompressed')
  if (codec === 'uncompressed') return null
  if (codec === 'producer') {
    const readable = COMPRESSION_TYPES.filter(name => READABLE_CODECS.has(name)).join(', ')
    const message = `records are stored as producers compressed them: decompression (${readable}) halves the rate at which they are read, other codecs are refused`
    return { severity: 'warning', message, fix }
  }
  return READABLE_CODECS.has(codec)
    ? {
        severity: 'warning',
        message: `the brokers compress with ${codec}, which halves the rate at which records are read`,
        fix,
      }
    : {
        severity: 'error',
        message: `the brokers compress with ${codec}, which ${NEEDS[codec] ?? 'is not read here'}`,
        fix,
      }
}

const NEEDS: Readonly<Record<string, string>> = { zstd: 'only Node.js 22.15 and newer reads' }

/**
 * `retention.ms` of at least that much, or unlimited.
 *
 * @param consequence of less
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

/** `retention.ms=-1`. @param consequence of anything else */
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

/** `retention.bytes=-1`. @param consequence of a limit */
export function noRetentionBytes(severity: 'error' | 'warning', consequence: string): TopicRule {
  return facts => {
    const bytes = numericSetting(facts, 'retention.bytes')
    if (!(bytes >= 0)) return null
    return {
      severity,
      message: `partitions are cut at ${bytes} bytes, ${consequence}`,
      fix: facts.commands.set('retention.bytes=-1'),
    }
  }
}

/** `cleanup.policy=delete`. @param consequence what compaction does to this topic */
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
 * @param recommended what the command sets it to
 * @param contents what may be that large
 */
export function messagesOfAtLeast(bytes: number, recommended: number, contents: string): TopicRule {
  return facts => {
    const most = numericSetting(facts, 'max.message.bytes')
    if (!(most < bytes)) return null
    return {
      severity: 'error',
      message: `records of more than ${most} bytes are refused, but ${contents}`,
      fix: facts.commands.set(`max.message.bytes=${recommended}`),
    }
  }
}
