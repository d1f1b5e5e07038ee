/**
 * Where the reader differs from the judge of its dialect, and why: the table is in
 * `docs/expositions.md`. By dialect and reason, the expositions of the collection.
 */
const NAME_IN_BRACES = ['{abc} 1\n', '{abc,l="x"} 1\n']
const LABELS_WITHOUT_VALUE = ['a{""=""} 1\n', 'a{l="",l="x"} 1\n']
const SPELLING_OF_BUCKETS = [
  '# TYPE h histogram\nh_bucket{le="0x1p1"} 1\n',
  '# TYPE h histogram\nh_bucket{le="1_0"} 1\n',
  '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="1.0"} 2\nh_bucket{le="+Inf"} 2\n',
]
const SEVERAL_SAMPLES = [
  'a 1 100\na 2 200\n',
  'a 1 200\na 2 100\n',
  'a 1\na 2 100\n',
  'a 1 100\na 2\n',
  'a 1 100\nb 1\na 2 200\n',
  '# TYPE a gauge\na{l="x"} 1 100\na{l="x"} 2 200\na{l="y"} 1 100\n',
  '# TYPE c counter\nc_total 1 100\nc_created 5 100\nc_total 2 200\nc_created 5 200\n',
]
const SEVERAL_INFO_SAMPLES = ['# TYPE i info\ni_info{l="x"} 1 200\ni_info{l="x"} 1 100\n']

export const DIFFERENCES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'scrape text': {
    'names in braces without quotation marks': NAME_IN_BRACES,
    'labels without a value': LABELS_WITHOUT_VALUE,
    'the spelling of le and quantile': SPELLING_OF_BUCKETS,
    'several samples of a series': SEVERAL_SAMPLES,
    'NUL outside of strings': ['a 1\n#c\x00d\nb 2\n', '\x00a 1\n', 'a 1\n\x00\nb 2\n'],
  },
  'scrape openmetrics': {
    'names in braces without quotation marks': NAME_IN_BRACES,
    'labels without a value': LABELS_WITHOUT_VALUE,
    'the spelling of le and quantile': SPELLING_OF_BUCKETS,
    'several samples of a series': [...SEVERAL_SAMPLES, ...SEVERAL_INFO_SAMPLES],
    'fractions of timestamps': ['a 1 1.001\n'],
    'timestamps beyond 64 bits': [
      'a 1 9223372036854775807\n',
      'a 1 9223372036854775808\n',
      'a 1 -9223372036854775808\n',
      'a 1 -9223372036854775809\n',
      'a 1 99999999999999999999\n',
    ],
    'labels of exemplars': [
      '# TYPE h histogram\nh_bucket{le="+Inf"} 1 # {a="x",a="y"} 1\n',
      '# TYPE h histogram\nh_bucket{le="+Inf"} 1 # {a="x\\ny"} 1\n',
      '# TYPE h histogram\nh_bucket{le="+Inf"} 1 # {a="x\\"} # {"} 1\n',
      `# TYPE h histogram\nh_bucket{le="+Inf"} 1 # {a="${'x'.repeat(128)}"} 1\n`,
    ],
  },
  push: {
    'samples without a name': ['b 1\n{l="x"} 1\n'],
    'quotation marks inside a name': ['a"b" 1\n'],
    'le twice': ['# TYPE h histogram\nh_bucket{le="1",le="2"} 1\n'],
    'counts that are no natural numbers': [
      '# TYPE h histogram\nh_bucket{le="+Inf"} 2.5\n',
      '# TYPE h histogram\nh_bucket{le="+Inf"} NaN\n',
      '# TYPE s summary\ns_count 1.5\n',
      '# TYPE s summary\ns_count -1\n',
    ],
  },
  openmetrics: {
    'blanks where the specification has none': [
      ' \t a{l="x"} 1\n',
      'a {l="x"} 1\n',
      'a{l="x"}\t1\n',
      'a{ l="x"} 1\n',
      'a{l ="x"} 1\n',
      'a{l= "x"} 1\n',
      'a{l="x" } 1\n',
      'a{l="x", m="y"} 1\n',
      'a{l="x" ,m="y"} 1\n',
      'a{ } 1\n',
      'a{}-1\n',
      '{"a" ,l="x"} 1\n',
      '{ "a" } 1\n',
      '#  HELP  a  text\na 1\n',
      '# TYPE  a  gauge\na 1\n',
      '# TYPE h histogram\nh_bucket{le=" 1"} 1\nh_bucket{le="+Inf"} 1\n',
      '# TYPE h histogram\nh_bucket{le="+Inf"} 1  # {a="x"} 1\n',
    ],
    'quoted names': [
      '{"my.metric"} 1\n',
      '{"my.metric","my.label"="x"} 1\n',
      '{"my.metric",l="x"} 1\n',
      '{l="x","my.metric"} 1\n',
      '{l="x","my.metric",m="y"} 1\n',
      '{"a\\"b"} 1\n',
      '{"a\\\\b"} 1\n',
      '{"a\\nb"} 1\n',
      '{"a\\qb"} 1\n',
      '{"漢字"} 1\n',
      '"my.metric"{l="x"} 1\n',
    ],
    'label names': ['{__name__="b"} 1\n', 'a{""="x"} 1\n', 'a{""=""} 1\n', 'a{l:m="x"} 1\n'],
    'numbers outside of the grammar': ['a +NaN\n', 'a -NaN\n', 'a ١\n', 'a １\n'],
    'the sign of zero': ['a -0\n'],
    'numbers beyond a double': [
      'a 1.7976931348623159e308\n',
      'a 1e309\n',
      'a -1e309\n',
      'a 1e999999\n',
    ],
    'native histograms': [
      '# TYPE h histogram\nh {count:1,sum:1,schema:0,zero_threshold:0,zero_count:1}\n',
    ],
    'repeated series': [
      'a 1\na 2\n',
      'a 1\na 1\n',
      'a{l="x"} 1\na{l="x"} 2\n',
      'a{l="x",m="y"} 1\na{m="y",l="x"} 2\n',
      'a{l=""} 1\na 2\n',
      'a 1\na{} 2\n',
      'a{l="\\n"} 1\na{l="\\n"} 2\n',
      '{"a"} 1\na 2\n',
      '# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_bucket{le="+Inf"} 1\n',
    ],
    'several samples of a series': [
      'a 1 100\na 2 200\n',
      '# TYPE a gauge\na{l="x"} 1 100\na{l="x"} 2 200\na{l="y"} 1 100\n',
      '# TYPE c counter\nc_total 1 100\nc_created 5 100\nc_total 2 200\nc_created 5 200\n',
      ...SEVERAL_INFO_SAMPLES,
    ],
    'labels of exemplars': [
      '# TYPE h histogram\nh_bucket{le="+Inf"} 1 # {a="x\\"} # {"} 1\n',
      '# TYPE h histogram\nh_bucket{le="+Inf"} 1 # {"x"} 1\n',
    ],
  },
}
