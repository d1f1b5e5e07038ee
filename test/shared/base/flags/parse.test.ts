import { describe, expect, test } from 'vitest'
import {
  actionFlag,
  choice,
  duration,
  flag,
  hostPort,
  httpUrl,
  list,
  listenAddress,
  switchFlag,
  text,
} from '../../../../shared/base/flags/builders.js'
import { parseFlags } from '../../../../shared/base/flags/parse.js'
import { ConfigError } from '../../../../shared/base/flags/types.js'

const table = {
  version: actionFlag('Show the version.'),
  'kafka.brokers': list(hostPort, { required: true, help: 'Brokers.', placeholder: '<host:port>' }),
  'kafka.topic': flag(text, { default: 'metrics.snapshots', help: 'Topic.' }),
  'kafka.session-timeout': flag(duration({ min: '1s' }), { default: '20s', help: 'Session.' }),
  'web.listen-address': flag(listenAddress, { default: ':9754', help: 'Address.' }),
  'web.external-url': flag(httpUrl, { help: 'URL.' }),
  'log.level': flag(choice('debug', 'info'), { default: 'info', help: 'Level.' }),
  follow: switchFlag({ help: 'Follow.' }),
}

function problemsOf(argv: string[], environment: Record<string, string> = {}): string[] {
  try {
    parseFlags(table, argv, environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
  return []
}

const brokers = '--kafka.brokers=a:1'

describe('values', () => {
  test('a flag that is not set has its default or is undefined', () => {
    expect(parseFlags(table, [brokers])).toEqual({
      version: false,
      'kafka.brokers': ['a:1'],
      'kafka.topic': 'metrics.snapshots',
      'kafka.session-timeout': 20_000,
      'web.listen-address': { host: undefined, port: 9754 },
      'web.external-url': undefined,
      'log.level': 'info',
      follow: false,
    })
  })

  test('a value may follow its flag, a list may be repeated or split by commas, a switch may be negated', () => {
    const values = parseFlags(table, [
      '--kafka.brokers',
      'a:1,b:2',
      '--kafka.brokers=c:3',
      '--follow',
      '--no-follow',
    ])
    expect(values['kafka.brokers']).toEqual(['a:1', 'b:2', 'c:3'])
    expect(values.follow).toBe(false)
  })

  test('a trailing comma of a list is ignored, an empty element is an error', () => {
    expect(parseFlags(table, ['--kafka.brokers=a:1,b:2,'])['kafka.brokers']).toEqual(['a:1', 'b:2'])
    for (const bad of ['a:1,,b:2', ',a:1', '', ','])
      expect(() => parseFlags(table, [`--kafka.brokers=${bad}`]), bad).toThrow(
        /not the address of a broker; write it as host:9092 or \[::1\]:9092/,
      )
  })

  test('an environment variable sets a flag that is not on the command line, unless it is empty', () => {
    const environment = {
      KAFKA_BROKERS: 'e:1,e:2',
      KAFKA_TOPIC: 'from.environment',
      KAFKA_SESSION_TIMEOUT: '',
      FOLLOW: 'true',
      VERSION: '22.04',
    }
    const values = parseFlags(table, ['--kafka.topic=typed'], environment)
    expect(values['kafka.brokers']).toEqual(['e:1', 'e:2'])
    expect(values['kafka.topic']).toBe('typed')
    expect(values['kafka.session-timeout']).toBe(20_000)
    expect(values.follow).toBe(true)
    expect(values.version).toBe(false)
  })

  test.each([
    [':9754', undefined, 9754],
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['[::1]:9754', '::1', 9754],
  ])('%s is an address to listen on', (typed, host, port) => {
    const values = parseFlags(table, [brokers, `--web.listen-address=${typed}`])
    expect(values['web.listen-address']).toEqual({ host, port })
  })

  test('a URL loses its trailing slash and keeps its path', () => {
    const values = parseFlags(table, [brokers, '--web.external-url=https://Example.org/exposer/'])
    expect(values['web.external-url']).toBe('https://example.org/exposer')
  })
})

describe('problems', () => {
  test('are all reported at once, each with its flag and, if set there, its environment variable', () => {
    expect(
      problemsOf(
        [
          '--kafka.topc=x',
          '--kafka.session-timeout=20',
          '--web.listen-address=9754',
          '--web.external-url=example.org',
          '--follow=yes',
          'stray',
        ],
        { LOG_LEVEL: 'loud' },
      ),
    ).toEqual([
      '--kafka.topc: unknown flag; did you mean --kafka.topic?',
      '--follow: takes no value; write --follow or --no-follow',
      'stray: is not a flag; this command takes only flags',
      '--kafka.brokers: is required; set it or the environment variable KAFKA_BROKERS',
      '--kafka.session-timeout: "20" is not a duration; write it as 15s, 2m, 1h30m or 500ms',
      '--web.listen-address: "9754" is not an address to listen on; write it as :9754, 127.0.0.1:9754 or [::1]:9754',
      '--web.external-url: "example.org" is not a URL; write it as http://host:9754',
      '--log.level (from $LOG_LEVEL): "loud" is not one of debug, info',
    ])
  })

  test('a flag without a value does not take the next flag as its value', () => {
    expect(problemsOf(['--kafka.topic', '--follow', brokers])).toEqual([
      '--kafka.topic: needs a value; write --kafka.topic=<value>',
    ])
  })

  test('the value of an unknown flag is not a second problem', () => {
    expect(problemsOf([brokers, '--kafka.grup', 'x'])).toHaveLength(1)
  })

  test('a repeated flag is refused unless it is a list', () => {
    expect(problemsOf([brokers, '--kafka.topic=a', '--kafka.topic=b'])).toEqual([
      '--kafka.topic: must not be repeated',
    ])
  })

  test.each(['constructor', 'toString', '__proto__'])('--%s is an unknown flag', name => {
    expect(problemsOf([brokers, `--${name}=1`])[0]).toMatch(/unknown flag/)
  })

  test('the suggestion completes a name without its prefix', () => {
    expect(problemsOf(['--brokers=a:1'])[0]).toBe(
      '--brokers: unknown flag; did you mean --kafka.brokers?',
    )
  })

  test('contradictions between flags are reported together with invalid values', () => {
    const check = () => [{ flag: '--kafka.topic', message: 'contradicts' }]
    expect(() => parseFlags(table, [], {}, check)).toThrow(
      '--kafka.brokers: is required; set it or the environment variable KAFKA_BROKERS\n--kafka.topic: contradicts',
    )
  })
})
