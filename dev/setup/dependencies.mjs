import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { reportWhile } from '../local/report-while.mjs'
import { progress } from './progress.mjs'
import { root } from './project.mjs'
import { run } from './run.mjs'

/** `npm ci`, when what is installed is not what package-lock.json says. */
export async function installDependencies() {
  if (!isStale(packagesIn('package-lock.json'), packagesIn('node_modules/.package-lock.json'))) return
  progress('installing dependencies (npm ci)')
  const options = ['ci', '--include=dev', '--prefer-offline', '--no-audit', '--no-fund']
  const npm = process.env.npm_execpath
  const installing = npm?.endsWith('.js')
    ? run('npm ci', process.execPath, [npm, ...options])
    : run('npm ci', 'npm', options)
  await reportWhile(installing, progress, seconds => `npm ci: ${seconds} s so far`)
}

/** npm writes down what it installed when it has finished; optional packages of other platforms are not among it. */
export function isStale(wanted, installed) {
  if (!wanted) return false
  if (!installed) return true
  return Object.entries(wanted).some(([path, { version, optional, devOptional }]) => {
    if (path === '') return false
    const there = installed[path]
    return there ? there.version !== version : !optional && !devOptional
  })
}

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch {
    return null
  }
}
