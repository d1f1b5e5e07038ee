import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCertificate, type KeyedCertificate } from '../../../support/x509.js'

export interface Certificate extends KeyedCertificate {
  readonly certFile: string
  readonly keyFile: string
}

/** A folder with certificates and other files of a test. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'kafka-exposer-web-'))

  write(name: string, text: string): string {
    const path = join(this.path, name)
    writeFileSync(path, text)
    return path
  }

  /** Creates a self-signed certificate, which is also a CA. */
  selfSigned(name: string, sans = 'IP:127.0.0.1'): Certificate {
    return this.#write(createCertificate({ name, sans, ca: true }))
  }

  /** Creates a certificate that is signed by another one. */
  signed(name: string, by: Certificate, sans = 'IP:127.0.0.1'): Certificate {
    return this.#write(createCertificate({ name, sans, ca: false, issuer: by }))
  }

  /** Creates a CA that is signed by another one. */
  intermediate(name: string, by: Certificate): Certificate {
    return this.#write(createCertificate({ name, sans: `DNS:${name}`, ca: true, issuer: by }))
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }

  #write(made: KeyedCertificate): Certificate {
    const certFile = this.write(`${made.name}.pem`, made.cert)
    return { ...made, certFile, keyFile: this.write(`${made.name}.key`, made.key) }
  }
}
