import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { reportWhile } from '../local/report-while.mjs'
import { progress } from './progress.mjs'
import { root } from './project.mjs'
import { run } from './run.mjs'

/** Runs `npm ci` if node_modules does not match package-lock.json. */
export async function installDependencies() {
  if (!isStale(packagesIn('package-lock.json'), packagesIn('node_modules/.package-lock.json')))
    return
  progress('installing dependencies (npm ci)')
  const options = ['ci', '--include=dev', '--prefer-offline', '--no-audit', '--no-fund']
  const npm = process.env.npm_execpath
  const installing = npm?.endsWith('.js')
    ? run('npm ci', process.execPath, [npm, ...options])
    : run('npm ci', 'npm', options)
  await reportWhile(installing, progress, seconds => `npm ci: ${seconds} s elapsed`)
}

/**
 * Whether installed packages differ from wanted ones. npm lists the installed packages when it has
 * finished. The list lacks optional packages of other platforms.
 */
export function isStale(wanted, installed) {
  if (!wanted) return false
  if (!installed) return true
  return Object.entries(wanted).some(([path, { version, optional, devOptional }]) => {
    if (path === '') return false
    const found = installed[path]
    return found ? found.version !== version : !optional && !devOptional
  })
}

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch {
    return null
  }
}
