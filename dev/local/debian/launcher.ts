import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * Writes run/<name> for each program: it starts the program with the libraries and fonts that were
 * unpacked with it, so that a path is all that others need to know.
 *
 * @param programs paths below `folder`, which stands for /
 */
export function writeLaunchers(programs: readonly string[], folder: string): void {
  const libraries = ['lib', 'usr/lib'].flatMap(path => librariesIn(folder, path))
  const environment = [
    libraries.length && `export LD_LIBRARY_PATH="${libraries.map(path => `$root/${path}`).join(':')}"`,
    existsSync(join(folder, 'etc/fonts')) && 'export FONTCONFIG_SYSROOT="$root"',
  ].filter(Boolean)
  mkdirSync(join(folder, 'run'))
  for (const program of programs) {
    const launcher = join(folder, 'run', basename(program))
    // The folder is renamed when it is complete, so the script asks where it is.
    const text = ['#!/bin/sh', `root=\${0%/run/*}`, ...environment, `exec "$root/${program}" "$@"`, '']
    writeFileSync(launcher, text.join('\n'))
    chmodSync(launcher, 0o755)
  }
}

/** The folders below lib/x86_64-linux-gnu, or whatever machine this is, that hold libraries for programs. */
function librariesIn(folder: string, path: string): string[] {
  const machines = existsSync(join(folder, path)) ? readdirSync(join(folder, path)) : []
  return machines
    .filter(name => name.endsWith('-linux-gnu'))
    .flatMap(name => [join(path, name), join(path, name, 'pulseaudio')])
    .filter(found => existsSync(join(folder, found)))
}
