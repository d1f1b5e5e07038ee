import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * Writes a launcher run/<name> for each program. The launcher starts the program with the libraries
 * and fonts that were unpacked with it.
 *
 * @param programs paths below `folder`, which takes the place of /
 */
export function writeLaunchers(programs: readonly string[], folder: string): void {
  const libraries = ['lib', 'usr/lib'].flatMap(path => librariesIn(folder, path))
  const environment = [
    libraries.length &&
      `export LD_LIBRARY_PATH="${libraries.map(path => `$root/${path}`).join(':')}"`,
    existsSync(join(folder, 'etc/fonts')) && 'export FONTCONFIG_SYSROOT="$root"',
  ].filter(Boolean)
  mkdirSync(join(folder, 'run'))
  for (const program of programs) {
    const launcher = join(folder, 'run', basename(program))
    // The folder is renamed when it is complete, so the launcher derives the path from its own.
    const text = [
      '#!/bin/sh',
      `root=\${0%/run/*}`,
      ...environment,
      `exec "$root/${program}" "$@"`,
      '',
    ]
    writeFileSync(launcher, text.join('\n'))
    chmodSync(launcher, 0o755)
  }
}

/** The library folders of the machine's architecture, such as lib/x86_64-linux-gnu. */
function librariesIn(folder: string, path: string): string[] {
  const machines = existsSync(join(folder, path)) ? readdirSync(join(folder, path)) : []
  return machines
    .filter(name => name.endsWith('-linux-gnu'))
    .flatMap(name => [join(path, name), join(path, name, 'pulseaudio')])
    .filter(found => existsSync(join(folder, found)))
}
