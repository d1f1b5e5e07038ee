/**
 * CRC-64-AVRO, the schema fingerprint of the single-object encoding, over the Parsing Canonical
 * Form.
 *
 * @see https://avro.apache.org/docs/1.12.0/specification/#schema-fingerprints
 */
const EMPTY = 0xc15d213aa4d7a795n

const table = Array.from({ length: 256 }, (_, i) => {
  let fp = BigInt(i)
  for (let bit = 0; bit < 8; bit++) fp = (fp >> 1n) ^ (EMPTY & -(fp & 1n) & 0xffffffffffffffffn)
  return fp
})

export function crc64Avro(bytes: Uint8Array): bigint {
  let fp = EMPTY
  for (const byte of bytes) fp = (fp >> 8n) ^ table[Number((fp ^ BigInt(byte)) & 0xffn)]
  return fp
}

type Schema = string | Schema[] | { [key: string]: unknown }

const ORDER = ['name', 'type', 'fields', 'symbols', 'items', 'values', 'size'] as const

/**
 * The Parsing Canonical Form of a schema: the attributes that a reader needs, in a normalized form.
 */
export function canonicalForm(schema: Schema, namespace = ''): string {
  if (typeof schema === 'string')
    return JSON.stringify(isPrimitive(schema) ? schema : fullName(schema, namespace))
  if (Array.isArray(schema)) return `[${schema.map(s => canonicalForm(s, namespace)).join(',')}]`
  const space = typeof schema.namespace === 'string' ? schema.namespace : namespace
  const type = schema.type as Schema
  if (typeof type === 'string' && isPrimitive(type)) return JSON.stringify(type)
  const parts: string[] = []
  for (const key of ORDER) {
    if (schema[key] === undefined) continue
    parts.push(`"${key}":${canonicalAttribute(key, schema[key], space)}`)
  }
  return `{${parts.join(',')}}`
}

function canonicalAttribute(
  key: (typeof ORDER)[number],
  value: unknown,
  namespace: string,
): string {
  if (key === 'name') return JSON.stringify(fullName(value as string, namespace))
  if (key === 'fields') {
    const fields = value as { name: string; type: Schema }[]
    return `[${fields.map(f => `{"name":"${f.name}","type":${canonicalForm(f.type, namespace)}}`).join(',')}]`
  }
  if (key === 'items' || key === 'values') return canonicalForm(value as Schema, namespace)
  return JSON.stringify(value)
}

const fullName = (name: string, namespace: string) =>
  name.includes('.') || !namespace ? name : `${namespace}.${name}`

const isPrimitive = (type: string) =>
  ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'].includes(type)
