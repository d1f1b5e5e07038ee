import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto'
import { isIPv4 } from 'node:net'

/** A certificate and its key (PKCS #8) in PEM. */
export interface KeyedCertificate {
  readonly name: string
  readonly cert: string
  readonly key: string
}

export interface CertificateRequest {
  /** Common name of the subject. */
  readonly name: string
  /** Alternative names in the format of openssl: `DNS:a.example,IP:::1,URI:…,email:…,RID:1.2.3`. */
  readonly sans: string
  /** Whether the certificate may sign others. */
  readonly ca: boolean
  /** The signer. Default: self-signed. */
  readonly issuer?: KeyedCertificate
}

const DAY_MS = 86_400_000

/**
 * Creates a certificate (RFC 5280) for a new P-256 key, valid from yesterday until tomorrow.
 * node:crypto supports keys and signatures, but not the creation of certificates.
 */
export function createCertificate({
  name,
  sans,
  ca,
  issuer,
}: CertificateRequest): KeyedCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subjectKey = publicKey.export({ type: 'spki', format: 'der' })
  const signer = issuer ? createPrivateKey(issuer.key) : privateKey
  const signerKey = createPublicKey(signer).export({ type: 'spki', format: 'der' })
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')) // ecdsa-with-SHA256
  const extensions = [
    extension('2.5.29.14', tagged(0x04, keyIdentifier(subjectKey))),
    extension('2.5.29.35', sequence(tagged(0x80, keyIdentifier(signerKey)))),
    extension('2.5.29.17', sequence(...sans.split(',').map(alternativeName))),
    extension('2.5.29.19', ca ? sequence(TRUE) : sequence(), TRUE), // basicConstraints, critical
  ]
  const content = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))), // version 3
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])), // serial number, positive
    algorithm,
    commonName(issuer?.name ?? name),
    sequence(time(-DAY_MS), time(DAY_MS)),
    commonName(name),
    subjectKey,
    tagged(0xa3, sequence(...extensions)),
  )
  const certificate = sequence(content, algorithm, bitString(sign('sha256', content, signer)))
  return {
    name,
    cert: pem(certificate),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

const pem = (der: Buffer): string => {
  const lines = der.toString('base64').match(/.{1,64}/g)!
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

/** A DER value (X.690): tag, length, content. */
function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const bytes =
    content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...bytes]), content])
}

const TRUE = tagged(0x01, Buffer.from([0xff]))
const sequence = (...parts: readonly Buffer[]): Buffer => tagged(0x30, ...parts)
const bitString = (bytes: Buffer): Buffer => tagged(0x03, Buffer.from([0]), bytes)
const oid = (text: string): Buffer => tagged(0x06, oidBytes(text))

function oidBytes(text: string): Buffer {
  const [first, second, ...rest] = text.split('.').map(Number)
  const base128 = (n: number): number[] => {
    const digits = [n & 0x7f]
    for (let left = n >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80)
    return digits
  }
  return Buffer.from([first * 40 + second, ...rest.flatMap(base128)])
}

const commonName = (name: string): Buffer =>
  sequence(tagged(0x31, sequence(oid('2.5.4.3'), tagged(0x0c, Buffer.from(name)))))

/** A UTCTime, which ends in 2049. */
function time(fromNowMs: number): Buffer {
  const text = new Date(Date.now() + fromNowMs).toISOString().replace(/^20|[-:T]|\.\d+/g, '')
  return tagged(0x17, Buffer.from(text))
}

const extension = (id: string, value: Buffer, ...critical: readonly Buffer[]): Buffer =>
  sequence(oid(id), ...critical, tagged(0x04, value))

/** SHA-1 of the public key without its algorithm: the last 65 bytes of a P-256 key. */
const keyIdentifier = (spki: Buffer): Buffer =>
  createHash('sha1').update(spki.subarray(-65)).digest()

function alternativeName(text: string): Buffer {
  const [, kind, value] = /^(\w+):(.*)$/.exec(text) ?? []
  switch (kind) {
    case 'email':
      return tagged(0x81, Buffer.from(value))
    case 'DNS':
      return tagged(0x82, Buffer.from(value))
    case 'URI':
      return tagged(0x86, Buffer.from(value))
    case 'IP':
      return tagged(
        0x87,
        isIPv4(value) ? Buffer.from(value.split('.').map(Number)) : ipv6Bytes(value),
      )
    case 'RID':
      return tagged(0x88, oidBytes(value))
    default:
      throw new Error(`unknown type of alternative name: ${text}`)
  }
}

function ipv6Bytes(address: string): Buffer {
  const [before, after] = address.split('::').map(half => half.split(':').filter(Boolean))
  const zeros = after ? Array<string>(8 - before.length - after.length).fill('0') : []
  const groups = [...before, ...zeros, ...(after ?? [])]
  return Buffer.from(groups.map(group => group.padStart(4, '0')).join(''), 'hex')
}
