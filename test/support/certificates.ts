import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCertificate } from './x509.js'

/** A certificate authority. Its certificates are valid for 127.0.0.1 and localhost, for one day. */
export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-certificates-'))
  readonly ca: string
  readonly #authority = createCertificate({ name: 'authority', sans: 'DNS:authority', ca: true })

  constructor() {
    this.ca = this.file('ca.pem', this.#authority.cert)
  }

  /** Issues a certificate. @returns the paths of the key, the certificate, and a file with both */
  issue(name: string): { readonly key: string; readonly cert: string; readonly both: string } {
    const sans = 'IP:127.0.0.1,DNS:localhost'
    const { key, cert } = createCertificate({ name, sans, ca: false, issuer: this.#authority })
    return {
      key: this.file(`${name}.key`, key),
      cert: this.file(`${name}.pem`, cert),
      both: this.file(`${name}.both`, key + cert),
    }
  }

  /** Writes a file. @returns its path */
  file(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
