import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from './project.mjs'

const BUILD = join(root, 'dist')

/**
 * In the output of tsc, static imports and exports start a line; the other references do not have
 * to.
 */
const REFERENCES = [
  /^(?:import|export)\b[^'"]*?\bfrom ['"]([^'"]+)['"]/gm,
  /^import ['"]([^'"]+)['"]/gm,
  /\bimport\(['"]([^'"]+)['"]\)/g,
  /\bnew URL\(['"](\.[^'"]+)['"], import\.meta\.url\)/g,
  /\brequire\.resolve\(['"]([^'"]+)['"]\)/g,
  /\bcreateRequire\(import\.meta\.url\)(?:\.resolve)?\(['"]([^'"]+)['"]\)/g,
]

/**
 * The files of dist/ and the packages that compiled programs need at run time: everything that the
 * entries import or name by URL, directly or indirectly. From declarations (.d.ts) it follows
 * declarations.
 *
 * @param {readonly string[]} entries paths below dist/
 * @param {readonly string[]} [without] paths below dist/ that are left out
 * @returns {{ files: string[], packages: string[] }} sorted
 * @throws Error if a referenced file is missing
 */
export function reachable(entries, without = []) {
  const files = new Set()
  const packages = new Set()
  const waiting = [...entries]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file) || without.includes(file)) continue
    files.add(file)
    for (const specifier of referencesOf(file)) {
      if (specifier.startsWith('.')) waiting.push(...filesAt(file, specifier))
      else if (!specifier.startsWith('node:')) packages.add(packageOf(specifier))
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() }
}

function referencesOf(file) {
  if (!/\.(m?js|d\.ts)$/.test(file)) return []
  const lines = readFileSync(join(BUILD, file), 'utf8').split('\n')
  const code = lines.filter(line => !/^\s*(\*|\/\/|\/\*)/.test(line)).join('\n')
  return REFERENCES.flatMap(pattern =>
    [...code.matchAll(pattern)].map(([, specifier]) => specifier),
  )
}

/** The file that a relative specifier names, or the files of the folder that it names. */
function filesAt(importer, specifier) {
  const target = join(BUILD, importer, '..', specifier)
  const path = relative(
    BUILD,
    importer.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target,
  )
  // package.json and other files that are not compiled are outside of dist/.
  if (path.startsWith('..')) return []
  const stats = statSync(join(BUILD, path), { throwIfNoEntry: false })
  if (!stats) throw new Error(`dist/${importer} refers to ${specifier}, which is missing`)
  if (stats.isFile()) return [path]
  return readdirSync(join(BUILD, path)).map(name => join(path, name))
}

const packageOf = specifier =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
