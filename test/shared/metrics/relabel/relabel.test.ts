// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of replacements and of external labels
import { describe, expect, test } from 'vitest'
import { relabel } from '../../../../shared/metrics/relabel/relabel.js'
import type { NameScheme } from '../../../../shared/metrics/relabel/rule.js'
import { rulesOf as readRules, relabelConfigs } from '../../../../shared/metrics/relabel/schema.js'

const rulesOf = (configs: unknown, names: NameScheme = 'utf8') =>
  readRules(relabelConfigs.parse(configs), names, (_index, key, problem) => {
    throw new Error(`${key}: ${problem}`)
  })

/** Labels after relabelling, or `dropped`. */
const relabelled = (labels: Record<string, string>, configs: unknown, names?: NameScheme) => {
  const map = new Map(Object.entries(labels))
  return relabel(map, rulesOf(configs, names)) ? Object.fromEntries(map) : 'dropped'
}
const abc = { a: 'foo', b: 'bar', c: 'baz' }

/** Cases of Prometheus's own tests. */
describe('relabelling', () => {
  test.each<[string, Record<string, string>, unknown, Record<string, string> | 'dropped']>([
    [
      'replace sets a label',
      abc,
      [{ source_labels: ['a'], regex: 'f(.*)', target_label: 'd', replacement: 'ch${1}-ch${1}' }],
      { ...abc, d: 'choo-choo' },
    ],
    [
      'rules apply in order, each to the result of the one before',
      abc,
      [
        {
          source_labels: ['a', 'b'],
          regex: 'f(.*);(.*)r',
          target_label: 'a',
          replacement: 'b${1}${2}m',
        },
        {
          source_labels: ['c', 'a'],
          regex: '(b).*b(.*)ba(.*)',
          target_label: 'd',
          replacement: '$1$2$2$3',
        },
      ],
      { a: 'boobam', b: 'bar', c: 'baz', d: 'boooom' },
    ],
    [
      'drop drops what matches',
      abc,
      [{ source_labels: ['a'], regex: '.*o.*', action: 'drop' }],
      'dropped',
    ],
    [
      'drop keeps what does not match',
      abc,
      [{ source_labels: ['a'], regex: 'no-match', action: 'drop' }],
      abc,
    ],
    ['a regex is anchored', abc, [{ source_labels: ['a'], regex: 'f|o', action: 'drop' }], abc],
    [
      'keep drops what does not match',
      abc,
      [{ source_labels: ['a'], regex: 'no-match', action: 'keep' }],
      'dropped',
    ],
    ['keep keeps what matches', abc, [{ source_labels: ['a'], regex: 'f.*', action: 'keep' }], abc],
    [
      'replace changes nothing without a match',
      { a: 'boo' },
      [{ source_labels: ['a'], regex: 'f', target_label: 'b', replacement: 'bar' }],
      { a: 'boo' },
    ],
    [
      'an empty replacement removes the label',
      { a: 'foo', f: 'baz' },
      [{ source_labels: ['a'], regex: '(f).*', target_label: '$1', replacement: '$2' }],
      { a: 'foo' },
    ],
    [
      'the default regex sets a constant',
      { a: 'foo' },
      [{ target_label: 'd', replacement: 'x' }],
      { a: 'foo', d: 'x' },
    ],
    [
      'hashmod',
      abc,
      [{ source_labels: ['c'], target_label: 'd', action: 'hashmod', modulus: 1000 }],
      { ...abc, d: '976' },
    ],
    [
      'hashmod of a text with a line feed',
      { a: 'foo\nbar' },
      [{ source_labels: ['a'], target_label: 'b', action: 'hashmod', modulus: 1000 }],
      { a: 'foo\nbar', b: '734' },
    ],
    [
      'labelmap copies labels',
      { a: 'foo', __meta_my_bar: 'aaa', __meta_other: 'ccc' },
      [{ regex: '__meta_(my.*)', replacement: '${1}', action: 'labelmap' }],
      { a: 'foo', __meta_my_bar: 'aaa', __meta_other: 'ccc', my_bar: 'aaa' },
    ],
    [
      'labelmap sees the labels from before',
      { a1: 'x' },
      [{ regex: '(a.*)', replacement: 'a${1}', action: 'labelmap' }],
      { a1: 'x', aa1: 'x' },
    ],
    [
      'names of labels may come from a match',
      { a: 'some-name-value' },
      [
        {
          source_labels: ['a'],
          regex: 'some-([^-]+)-([^,]+)',
          replacement: '${2}',
          target_label: '${1}',
        },
      ],
      { a: 'some-name-value', name: 'value' },
    ],
    [
      'a name that would be empty changes nothing',
      { a: 'some-name-0' },
      [
        {
          source_labels: ['a'],
          regex: 'some-([^-]+)-([^,]+)',
          replacement: '${1}',
          target_label: '${3}',
        },
      ],
      { a: 'some-name-0' },
    ],
    [
      'tags of discovery',
      { __meta_sd_tags: 'path:/secret,job:some-job,label:foo=bar' },
      [
        {
          source_labels: ['__meta_sd_tags'],
          regex: '(?:.+,|^)path:(/[^,]+).*',
          replacement: '${1}',
          target_label: '__metrics_path__',
        },
        {
          source_labels: ['__meta_sd_tags'],
          regex: '(?:.+,|^)job:([^,]+).*',
          replacement: '${1}',
          target_label: 'job',
        },
        {
          source_labels: ['__meta_sd_tags'],
          regex: '(?:.+,|^)label:([^=]+)=([^,]+).*',
          replacement: '${2}',
          target_label: '${1}',
        },
      ],
      {
        __meta_sd_tags: 'path:/secret,job:some-job,label:foo=bar',
        __metrics_path__: '/secret',
        job: 'some-job',
        foo: 'bar',
      },
    ],
    [
      'labelkeep',
      { a: 'x', b1: 'y', b2: 'z' },
      [{ regex: '(b.*)', action: 'labelkeep' }],
      { b1: 'y', b2: 'z' },
    ],
    [
      'labeldrop',
      { a: 'x', b1: 'y', b2: 'z' },
      [{ regex: '(b.*)', action: 'labeldrop' }],
      { a: 'x' },
    ],
    [
      'uppercase and lowercase, character by character',
      { foo: 'bAr123Fooß' },
      [
        { source_labels: ['foo'], action: 'Uppercase', target_label: 'upper' },
        { source_labels: ['foo'], action: 'lowercase', target_label: 'lower' },
      ],
      { foo: 'bAr123Fooß', upper: 'BAR123FOOß', lower: 'bar123fooß' },
    ],
    [
      'keepequal keeps equal values',
      { x: '1', y: '1' },
      [{ source_labels: ['x'], target_label: 'y', action: 'keepequal' }],
      { x: '1', y: '1' },
    ],
    [
      'keepequal drops others',
      { x: '1', y: '2' },
      [{ source_labels: ['x'], target_label: 'y', action: 'keepequal' }],
      'dropped',
    ],
    [
      'dropequal drops equal values',
      { x: '1', y: '1' },
      [{ source_labels: ['x'], target_label: 'y', action: 'dropequal' }],
      'dropped',
    ],
    [
      'dropequal keeps others',
      { x: '1', y: '2' },
      [{ source_labels: ['x'], target_label: 'y', action: 'dropequal' }],
      { x: '1', y: '2' },
    ],
    [
      'a point matches a line feed',
      { a: 'line1\nline2' },
      [
        {
          source_labels: ['a'],
          regex: 'line1.*line2',
          target_label: 'd',
          replacement: 'match${1}',
        },
      ],
      { a: 'line1\nline2', d: 'match' },
    ],
  ])('%s', (_, labels, configs, expected) => {
    expect(relabelled(labels, configs)).toEqual(expected)
  })

  test('names of labels are those of the scheme', () => {
    const configs = [{ source_labels: ['a'], target_label: '$1', replacement: 'x' }]
    expect(relabelled({ a: 'größe' }, configs)).toEqual({ a: 'größe', größe: 'x' })
    expect(relabelled({ a: 'größe' }, configs, 'legacy')).toEqual({ a: 'größe' })
  })
})

describe('a relabelling rule is refused', () => {
  test.each<[unknown, string]>([
    [{ action: 'replace' }, "requires 'target_label' value"],
    [{ action: 'hashmod', target_label: 'a' }, 'hashmod requires non-zero modulus'],
    [{ action: 'keepequal', source_labels: ['a'] }, "requires 'target_label' value"],
    [{ action: 'lowercase', target_label: 'a', replacement: 'x' }, "'replacement' can not be set"],
    [{ action: 'labeldrop', source_labels: ['a'] }, "requires only 'regex'"],
    [{ action: 'dropequal', target_label: 'a', regex: 'x' }, "requires only 'source_labels'"],
    [{ regex: '(', target_label: 'a' }, 'error parsing regexp: missing closing )'],
    [{ action: 'explode' }, 'unknown relabel action'],
    [{ target: 'a' }, 'Unrecognized key'],
  ])('%j', (config, reason) => {
    expect(() => rulesOf([config])).toThrow(reason)
  })

  test.each<[unknown, string]>([
    [{ target_label: 'größe' }, "is invalid 'target_label' for replace action"],
    [{ target_label: '${1', replacement: 'x' }, "is invalid 'target_label'"],
    [{ action: 'labelmap', replacement: 'a-b' }, "is invalid 'replacement' for labelmap action"],
  ])('by legacy names: %j', (config, reason) => {
    expect(() => rulesOf([config], 'legacy')).toThrow(reason)
    expect(() => rulesOf([config])).not.toThrow()
  })
})
