import { existsSync, readFileSync } from 'node:fs'

/** The version in package.json, which stands one folder above the sources and two above what is built of them. */
export function readVersion(): string {
  const path = ['../package.json', '../../package.json']
    .map(relative => new URL(relative, import.meta.url))
    .find(url => existsSync(url))
  if (!path) throw new Error('package.json is missing beside the program: install kafka-exposer again')
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

export function versionText(version: string): string {
  return `kafka-exposer, version ${version} (node ${process.versions.node}, ${process.platform}/${process.arch})\n`
}
