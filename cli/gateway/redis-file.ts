import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import type { RedisAccess } from '../../gateway/store/redis/options.js'
import { tlsOptions, tlsSettings } from '../../shared/base/flags/tls.js'

const access = {
  username: z.string().optional(),
  password: z.string().optional(),
  password_file: z.string().optional(),
  ssl: z.union([z.boolean(), tlsSettings]).optional(),
}

const file = z.strictObject({ ...access, sentinel: z.strictObject(access).optional() })
type Section = z.infer<z.ZodObject<typeof access>>

/**
 * Reads the file of `--redis.config.file`, with the files that it names.
 *
 * @throws Error with the problem
 */
export function readRedisFile(path: string): { server: RedisAccess; sentinel: RedisAccess } {
  const result = file.safeParse(parse(readFileSync(path, 'utf8')) ?? {})
  if (!result.success) {
    const [issue] = result.error.issues
    throw new Error(`${path}: ${issue.path.join('.') || 'the file'}: ${issue.message}`)
  }
  const beside = (name: string) => readFileSync(resolve(dirname(path), name), 'utf8')
  const { sentinel, ...server } = result.data
  return { server: accessOf(server, beside), sentinel: accessOf(sentinel ?? {}, beside) }
}

function accessOf(section: Section, read: (name: string) => string): RedisAccess {
  const { username, ssl } = section
  const password =
    section.password ?? (section.password_file ? read(section.password_file).trim() : undefined)
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ssl ? { tls: ssl === true ? {} : tlsOptions(ssl, read) } : {}),
  }
}
