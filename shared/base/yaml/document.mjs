// Plain JavaScript, because a thread runs it too: from the sources as from the build.
import { createRequire } from 'node:module'
import { itemsOf } from './items.mjs'

/** All problems of a document, one line each. */
export class YamlError extends Error {
  name = 'YamlError'

  constructor(problems) {
    super(problems.join('; '))
    this.problems = problems
  }
}

let loaded

/** The package takes 4 MiB, which most processes never need. */
function yaml() {
  loaded ??= createRequire(import.meta.url)('yaml')
  return loaded
}

/**
 * Parses a YAML document. Keys without a value are as if missing.
 *
 * A long list is parsed item by item: the tree of a whole document takes a hundred times the memory
 * of its text.
 */
export function readDocument(text, options = {}) {
  return byItems(text, options) ?? readWhole(text, options)
}

/** @returns undefined if the document has to be parsed as a whole, also for its problems */
function byItems(text, options) {
  const found = itemsOf(text)
  if (!found) return undefined
  try {
    const { rest, lists } = found
    const value = readWhole(rest, options)
    for (const { key, items } of lists) {
      const read = items.flatMap(item => readWhole(item, options, key === '' ? [] : [key]))
      if (read.length !== items.length) return undefined
      if (key === '') return read
      value[key] = read
    }
    return value
  } catch (error) {
    if (error instanceof YamlError) return undefined
    throw error
  }
}

/** @param above keys of the mappings that the text is in */
function readWhole(text, { types, aliases = 100 }, above = []) {
  const { parseDocument } = yaml()
  const document = parseDocument(text, { merge: true })
  if (document.errors.length > 0)
    throw new YamlError(
      document.errors.map(({ message }) => message.split('\n', 1)[0].replace(/:$/, '')),
    )
  if (types) retypeAll(document, types, above)
  try {
    return withoutNulls(document.toJS({ maxAliasCount: aliases }))
  } catch (error) {
    throw new YamlError([error.message])
  }
}

function retypeAll(document, types, above) {
  const { isScalar, visit } = yaml()
  const keyOf = ({ key, value }) =>
    value !== undefined && isScalar(key) ? [String(key.value)] : []
  visit(document, {
    Scalar(_, node, ancestors) {
      const keys = [...above, ...ancestors.flatMap(keyOf)]
      if (!types.others.has(keys[0])) retype(node, keys, types)
    },
  })
}

/** Gives a scalar the type that its key has. */
function retype(node, keys, { numbers, booleans, textMaps }) {
  const { value, source } = node
  const isInTextMap = keys.slice(0, -1).some(key => textMaps.has(key))
  const key = isInTextMap ? '' : (keys.at(-1) ?? '')
  if (typeof value === 'string' && booleans.has(key) && node.type === 'PLAIN') {
    if (/^(y|yes|on)$/i.test(value)) node.value = true
    if (/^(n|no|off)$/i.test(value)) node.value = false
  }
  const isTyped =
    (typeof value === 'number' && numbers.has(key)) ||
    (typeof value === 'boolean' && booleans.has(key))
  if ((typeof value === 'number' || typeof value === 'boolean') && !isTyped)
    node.value = source ?? String(value)
}

function withoutNulls(value) {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  )
}
