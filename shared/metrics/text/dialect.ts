/**
 * The reader whose rules apply.
 *
 * - `scrape`: Prometheus 3.5 scraping a target. Its readers of text and of OpenMetrics differ: see
 *   {@link TextFormat}.
 * - `push`: Pushgateway 1.11.2, which reads text with `expfmt` of prometheus/common 0.67.
 * - `openmetrics`: the OpenMetrics 1.0 specification; where it is silent, the strict
 *   parser of its Python client.
 *
 * Every difference is in `docs/expositions.md`.
 */
export type TextDialect = 'scrape' | 'push' | 'openmetrics'

/** The format of a scraped page, according to its content type. */
export type TextFormat = 'text' | 'openmetrics'

/** What a dialect accepts, where dialects differ. */
export interface Rules {
  /** `text`: comments are ignored. `openmetrics`: only metadata and `# EOF`, which is required. */
  readonly comments: 'text' | 'push' | 'openmetrics'
  /** Whether an empty page is one without series, also where `# EOF` is required. */
  readonly emptyIsValid: boolean
  /** Whether the last line has to end with a line feed. */
  readonly finalLineFeed: 'optional' | 'required'
  /**
   * Whether any number of spaces and tabs may separate two parts of a line. Otherwise exactly one
   * space, where the format has one.
   */
  readonly freeBlanks: boolean
  /** Prometheus takes blanks before an unquoted name as part of the name. */
  readonly indentBelongsToName: boolean
  /** Whether a quoted metric name may precede the braces. */
  readonly quotedNameFirst: boolean
  /** Whether the metric's name inside the braces may be unquoted. */
  readonly unquotedNameInBraces: boolean
  readonly commaBetweenLabels: 'optional' | 'required'
  readonly commaAfterLabels: boolean
  readonly lineFeedInQuotedName: boolean
  readonly lineFeedInLabelValue: boolean
  /** Whether `\q` is a backslash and a q, or an error. */
  readonly unknownEscape: 'keep' | 'refuse'
  /** Whether `\"` in HELP is a quotation mark. */
  readonly quoteEscapeInHelp: boolean
  readonly helpMustBeUtf8: boolean
  /**
   * `milliseconds`: digits only. `signed`: any int64, and a line feed right after it. `seconds`: a
   * finite number.
   */
  readonly timestamp: 'milliseconds' | 'signed' | 'seconds'
  readonly exemplars: boolean
  /** Whether an exemplar of more than 128 characters is omitted and counted, or refused. */
  readonly longExemplar: 'omit' | 'refuse'
  /** Label names that begin with two underscores, `__name__` apart, which is refused everywhere. */
  readonly reservedLabels: 'keep' | 'refuse'
  /** Whether a page that differs from a valid page only in its numbers is valid, too. */
  readonly sameLayoutIsValid: 'always' | 'unless negative' | 'never'
  /** Whether a repeated series is omitted and counted, kept for a later check, or refused. */
  readonly repeatedSeries: 'omit' | 'keep' | 'refuse'
}

const SCRAPE_TEXT: Rules = {
  comments: 'text',
  emptyIsValid: true,
  finalLineFeed: 'optional',
  freeBlanks: true,
  indentBelongsToName: true,
  quotedNameFirst: false,
  unquotedNameInBraces: false,
  commaBetweenLabels: 'optional',
  commaAfterLabels: true,
  lineFeedInQuotedName: true,
  lineFeedInLabelValue: true,
  unknownEscape: 'keep',
  quoteEscapeInHelp: false,
  helpMustBeUtf8: true,
  timestamp: 'milliseconds',
  exemplars: false,
  longExemplar: 'omit',
  reservedLabels: 'keep',
  sameLayoutIsValid: 'always',
  repeatedSeries: 'omit',
}

const SCRAPE_OPENMETRICS: Rules = {
  ...SCRAPE_TEXT,
  comments: 'openmetrics',
  freeBlanks: false,
  indentBelongsToName: false,
  commaBetweenLabels: 'required',
  lineFeedInLabelValue: false,
  quoteEscapeInHelp: true,
  timestamp: 'seconds',
  exemplars: true,
}

const PUSH: Rules = {
  ...SCRAPE_TEXT,
  comments: 'push',
  finalLineFeed: 'required',
  indentBelongsToName: false,
  quotedNameFirst: true,
  unquotedNameInBraces: true,
  commaBetweenLabels: 'required',
  lineFeedInQuotedName: false,
  lineFeedInLabelValue: false,
  unknownEscape: 'refuse',
  quoteEscapeInHelp: true,
  helpMustBeUtf8: false,
  timestamp: 'signed',
  sameLayoutIsValid: 'unless negative',
  repeatedSeries: 'keep',
}

const OPENMETRICS: Rules = {
  ...SCRAPE_OPENMETRICS,
  emptyIsValid: false,
  commaAfterLabels: false,
  lineFeedInQuotedName: false,
  longExemplar: 'refuse',
  reservedLabels: 'refuse',
  sameLayoutIsValid: 'never',
  repeatedSeries: 'refuse',
}

export function rulesOf(dialect: TextDialect, format: TextFormat): Rules {
  if (dialect === 'push') return PUSH
  if (dialect === 'openmetrics') return OPENMETRICS
  return format === 'openmetrics' ? SCRAPE_OPENMETRICS : SCRAPE_TEXT
}
