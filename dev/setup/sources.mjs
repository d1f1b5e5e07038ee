import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './project.mjs'

/** The folders that hold the program's sources. The list is the one that tsc reads. */
export const SOURCES = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8')).include

/** What packing puts beside the sources of the producer. */
const STAGED = ['producer/lib', 'producer/LICENSE']

/** Every file under the given folders of the checkout, as path from its root → when it was changed and how large it is. */
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
