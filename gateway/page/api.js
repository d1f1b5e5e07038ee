/** Reads a path of the API. @throws Error with the reason of the gateway */
export async function read(path) {
  const response = await fetch(path)
  if (response.headers.get('content-type')?.includes('json')) {
    const body = await response.json()
    if (response.ok && body.status === 'success') return body.data
  }
  throw new Error(await reasonOf(response))
}

/** @throws Error with the reason of the gateway */
export async function change(method, path) {
  const response = await fetch(path, { method })
  if (!response.ok) throw new Error(await reasonOf(response))
}

async function reasonOf(response) {
  const text = response.bodyUsed ? '' : (await response.text()).trim()
  return text || `the gateway returned HTTP status ${response.status}`
}

const PLAIN_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** The path of a push group. Values are in base64, so that they can have any character. */
export function groupPath(labels) {
  const job = labels.find(([name]) => name === 'job')[1]
  const others = labels.filter(([name]) => name !== 'job')
  const components = [['job', job], ...others].map(
    ([name, value]) => `${encodeURIComponent(escapeName(name))}@base64/${base64(value)}`,
  )
  return `metrics/${components.join('/')}`
}

/** The escaping scheme `values`, for names outside the legacy character set. */
function escapeName(name) {
  if (PLAIN_NAME.test(name) && !name.startsWith('U__')) return name
  const escaped = [...name].map(character => {
    if (character === '_') return '__'
    return /[a-zA-Z0-9]/.test(character) ? character : `_${character.codePointAt(0).toString(16)}_`
  })
  return `U__${escaped.join('')}`
}

function base64(text) {
  let binary = ''
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte)
  const encoded = btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  // An empty component would be removed from the path.
  return encoded || '='
}
