import { createPrivateKey, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createCertificate } from './x509.js'

const authority = createCertificate({ name: 'authority', sans: 'DNS:authority', ca: true })

describe('a test certificate', () => {
  test('has the requested names, is valid now, and matches its key', () => {
    const sans =
      'DNS:a.example,IP:10.0.0.1,IP:2001:db8::1,IP:::1,email:x@a.example,URI:spiffe://a.example/b'
    const made = createCertificate({ name: 'müller', sans, ca: false })
    const certificate = new X509Certificate(made.cert)
    expect(certificate.subject).toBe('CN=müller')
    expect(certificate.checkIP('2001:db8::1')).toBeDefined()
    expect(certificate.checkIP('::1')).toBeDefined()
    expect(certificate.checkHost('a.example')).toBe('a.example')
    expect(certificate.subjectAltName).toContain('URI:spiffe://a.example/b')
    expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now())
    expect(Date.parse(certificate.validTo)).toBeGreaterThan(Date.now())
    expect(certificate.checkPrivateKey(createPrivateKey(made.key))).toBe(true)
  })

  test('is signed by its issuer, and only an authority may issue', () => {
    const issued = new X509Certificate(
      createCertificate({ name: 'server', sans: 'IP:127.0.0.1', ca: false, issuer: authority })
        .cert,
    )
    const issuer = new X509Certificate(authority.cert)
    expect(issued.checkIssued(issuer)).toBe(true)
    expect(issued.verify(issuer.publicKey)).toBe(true)
    expect([issuer.ca, issued.ca]).toEqual([true, false])
  })
})
