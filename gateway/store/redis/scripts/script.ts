import { createHash } from 'node:crypto'

/** A Lua script. Redis knows it by the SHA-1 of its text. */
export interface Script {
  readonly text: string
  readonly sha: string
}

export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
