import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An authority of one's own, whose certificates are good for 127.0.0.1 and a day. */
export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-certificates-'))

  constructor() {
    this.#openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem') // biome-ignore format: one line
  }

  get ca(): string {
    return join(this.folder, 'ca.pem')
  }

  /** @returns paths of the key, of the certificate, and of both in one file */
  issue(name: string): { readonly key: string; readonly cert: string; readonly both: string } {
    const at = (ending: string) => join(this.folder, `${name}.${ending}`)
    writeFileSync(at('ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
    this.#openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', at('key'), '-out', at('csr')) // biome-ignore format: one line
    this.#openssl('x509', '-req', '-in', at('csr'), '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', at('ext'), '-out', at('pem')) // biome-ignore format: one line
    writeFileSync(at('both'), readFileSync(at('key'), 'utf8') + readFileSync(at('pem'), 'utf8'))
    return { key: at('key'), cert: at('pem'), both: at('both') }
  }

  /** @returns the path of the file */
  file(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
}
