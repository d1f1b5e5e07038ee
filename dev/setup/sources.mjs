import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './project.mjs'

/** The source folders: those that tsconfig.build.json includes. */
export const SOURCES = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8')).include

/** Files that packing writes beside the sources of the producer. */
const STAGED = ['producer/lib', 'producer/LICENSE']

/**
 * The modification time and size of every file in the folders, by path from the root of the
 * checkout.
 */
export function filesUnder(folders) {
  const files = {}
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`
      if (STAGED.includes(path)) continue
      if (entry.isDirectory()) Object.assign(files, filesUnder([path]))
      else files[path] = versionOf(path)
    }
  }
  return files
}

export function versionOf(path) {
  const { mtimeMs, size } = statSync(join(root, path))
  return `${mtimeMs} ${size}`
}
