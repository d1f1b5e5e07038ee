import { expect, test } from 'vitest'
import { createLogger, type LogOptions } from '../../../shared/base/log.js'

function logged(
  options: Pick<LogOptions, 'level' | 'format'>,
  write: (log: ReturnType<typeof createLogger>) => void,
) {
  let text = ''
  const out = {
    write(line: string) {
      text += line
    },
  }
  write(createLogger({ ...options, out }))
  return text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'TIME')
}

test('logfmt is as in Prometheus: time, level, message, then the fields, quoted if necessary', () => {
  const text = logged({ level: 'info', format: 'logfmt' }, log => {
    log.info('Listening', { port: 9754, url: 'http://a:1/?b=c' })
    log.warn('two words', {
      error: new Error('it "broke"\nbadly'),
      list: [1, 2],
      nothing: undefined,
      empty: '',
    })
  })
  expect(text).toBe(
    'time=TIME level=INFO msg=Listening port=9754 url="http://a:1/?b=c"\n' +
      'time=TIME level=WARN msg="two words" error="it \\"broke\\"\\nbadly" list=[1,2] empty=""\n',
  )
})

test('control characters are escaped', () => {
  const text = logged({ level: 'info', format: 'logfmt' }, log => log.info('\u001b[2J\u009b31m'))
  expect(text).toBe('time=TIME level=INFO msg="\\u001b[2J\\u009b31m"\n')
})

test('JSON lines have the same fields', () => {
  const text = logged({ level: 'info', format: 'json' }, log => log.error('gone', { partition: 3 }))
  expect(JSON.parse(text)).toEqual({ level: 'ERROR', time: 'TIME', partition: 3, msg: 'gone' })
})

test('messages below the level are not written', () => {
  const text = logged({ level: 'warn', format: 'logfmt' }, log => {
    log.debug('no')
    log.info('no')
    log.warn('yes')
  })
  expect(text.split('\n')).toHaveLength(2)
})

test('what waits for a reader that has stopped reading is bounded, and what is lost is told', () => {
  let waiting = 0
  const lines: string[] = []
  const out = {
    write(line: string) {
      waiting += line.length
      lines.push(line)
    },
    get writableLength() {
      return waiting
    },
  }
  const log = createLogger({ level: 'info', format: 'logfmt', out })
  const text = 'x'.repeat(1000)
  for (let i = 0; i < 5000; i++) log.info(text)
  expect(waiting).toBeLessThan(1.01 * 1024 * 1024)

  const written = lines.length
  waiting = 0
  log.info('read again')
  expect(lines.slice(written).map(line => line.replace(/^time=\S+ /, ''))).toEqual([
    `level=WARN msg="Log messages were lost: their reader had stopped reading" lost=${5000 - written}\n`,
    'level=INFO msg="read again"\n',
  ])
})

test.each(['logfmt', 'json'] as const)(
  '%s: no field makes the logger throw or overrides time, level or message',
  format => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const unprintable = { toJSON: () => { throw new Error('no') } } // biome-ignore format: one line
    const text = logged({ level: 'info', format }, log => {
      log.info('hello', {
        cycle,
        unprintable,
        offset: 12n,
        msg: 'other',
        causes: [new Error('first')],
      })
    })
    expect(text).toBe(
      format === 'json'
        ? '{"time":"TIME","level":"INFO","msg":"hello","cycle":"[unprintable]","unprintable":"[unprintable]","offset":"12","causes":["first"]}\n'
        : 'time=TIME level=INFO msg=hello cycle=[unprintable] unprintable=[unprintable] offset=12 causes="[\\"first\\"]"\n',
    )
  },
)
