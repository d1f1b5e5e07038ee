/** All problems of a document, one line each. */
export class YamlError extends Error {
  constructor(problems: readonly string[])
  readonly problems: readonly string[]
}

/**
 * Types of scalars by the key of the mapping that they are in, as Go's package has them: a scalar is
 * a text where a text is expected, and `yes` and `on` are booleans where one is expected. The text
 * of a number is kept as it is written: `version: 1.10`.
 */
export interface ScalarTypes {
  /** Keys whose values are numbers. */
  readonly numbers: ReadonlySet<string>
  readonly booleans: ReadonlySet<string>
  /** Keys of mappings with arbitrary keys, whose values are texts. */
  readonly textMaps: ReadonlySet<string>
  /** Keys at the top whose values have the types of YAML. */
  readonly others: ReadonlySet<string>
}

export interface DocumentOptions {
  /** Undefined: the types of YAML. */
  readonly types?: ScalarTypes
  /** Maximum number of nodes that aliases may repeat, 100 by default. */
  readonly aliases?: number
}

/**
 * Parses a YAML document in one piece, at about 1 MB per second. Keys without a value are as if
 * missing.
 *
 * @returns null for an empty document
 * @throws YamlError with all problems
 */
export function readDocument(text: string, options?: DocumentOptions): unknown
