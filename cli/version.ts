import { existsSync, readFileSync } from 'node:fs'

/**
 * The version in package.json, which is one folder above the sources and two above the compiled
 * file.
 */
export function readVersion(): string {
  const path = ['../package.json', '../../package.json']
    .map(relative => new URL(relative, import.meta.url))
    .find(url => existsSync(url))
  if (!path) throw new Error('package.json is missing beside the program; reinstall kafka-exposer')
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

export function versionText(version: string): string {
  return `kafka-exposer, version ${version} (node ${process.versions.node}, ${process.platform}/${process.arch})\n`
}
