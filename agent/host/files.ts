import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { HostFiles } from './collector.js'

/** A file of the kernel that is larger is refused, bytes. That of 8,192 CPUs is about 1 MiB. */
const MAX_BYTES = 16 << 20

const ZONES = '/usr/share/zoneinfo'
const LOCAL_ZONE = '/etc/localtime'

/** Folders of the files. */
export interface Folders {
  readonly proc: string
  readonly sys: string
  readonly udev: string
}

/**
 * The files of this machine, each read at most once per collection.
 *
 * Reads are synchronous: the kernel makes the content of these files in memory, and a thread for
 * each of them would cost several times as much as reading.
 */
export class KernelFiles implements HostFiles {
  #buffer = Buffer.allocUnsafe(32 << 10)
  readonly #texts = new Map<string, string>()

  constructor(private readonly folders: Folders) {}

  /** Forgets what was read. */
  nextCollection(): void {
    this.#texts.clear()
  }

  proc(path: string): string {
    return this.#text(join(this.folders.proc, path))
  }

  sys(path: string): string {
    return this.#text(join(this.folders.sys, path))
  }

  sysFolder(path: string): readonly string[] {
    try {
      return readdirSync(join(this.folders.sys, path)).sort()
    } catch {
      return []
    }
  }

  udev(path: string): string {
    return this.#text(join(this.folders.udev, path))
  }

  zone(name: string | null): Buffer {
    return readFileSync(name === null ? LOCAL_ZONE : join(ZONES, name))
  }

  #text(path: string): string {
    let text = this.#texts.get(path)
    if (text === undefined) {
      text = this.#read(path)
      this.#texts.set(path, text)
    }
    return text
  }

  /** The size of these files is unknown, and a read may return less than there is. */
  #read(path: string): string {
    const file = openSync(path, 'r')
    try {
      let length = 0
      for (;;) {
        if (length === this.#buffer.length) this.#grow(path)
        const read = readSync(file, this.#buffer, length, this.#buffer.length - length, null)
        if (read === 0) return this.#buffer.toString('utf8', 0, length)
        length += read
      }
    } finally {
      closeSync(file)
    }
  }

  #grow(path: string): void {
    if (this.#buffer.length >= MAX_BYTES)
      throw new Error(`${path} is larger than ${MAX_BYTES} bytes`)
    const larger = Buffer.allocUnsafe(this.#buffer.length * 4)
    this.#buffer.copy(larger)
    this.#buffer = larger
  }
}
