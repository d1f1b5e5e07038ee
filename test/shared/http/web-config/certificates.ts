import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  readonly name: string
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
}

/** A folder with certificates that openssl makes, and whatever files a test needs beside them. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'kafka-exposer-web-'))

  write(name: string, text: string): string {
    const path = join(this.path, name)
    writeFileSync(path, text)
    return path
  }

  /** One that signs itself; an authority too. */
  selfSigned(name: string, sans = 'IP:127.0.0.1'): Certificate {
    return this.#make(name, sans, ['-addext', 'basicConstraints=critical,CA:TRUE'])
  }

  /** One that the other signs. */
  signed(name: string, by: Certificate, sans = 'IP:127.0.0.1'): Certificate {
    return this.#make(name, sans, [
      '-CA',
      by.certFile,
      '-CAkey',
      by.keyFile,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    ])
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }

  #make(name: string, sans: string, rest: readonly string[]): Certificate {
    const [certFile, keyFile] = [join(this.path, `${name}.pem`), join(this.path, `${name}.key`)]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
    const about = ['-subj', `/CN=${name}`, '-days', '2', '-addext', `subjectAltName=${sans}`]
    execFileSync('openssl', ['req', '-x509', ...key, '-out', certFile, ...about, ...rest], { stdio: 'pipe' })
    return {
      name,
      certFile,
      keyFile,
      cert: readFileSync(certFile, 'utf8'),
      key: readFileSync(keyFile, 'utf8'),
    }
  }
}
