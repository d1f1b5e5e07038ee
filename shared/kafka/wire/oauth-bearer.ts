import { KafkaError } from '../errors.js'

/** Sends one message of a SASL exchange and returns the response of the broker. */
type SaslAuthenticate = (exchange: {
  readonly request: { encode(): Promise<Buffer> }
  readonly response: {
    decode(payload: Buffer): Promise<Buffer>
    parse(decoded: Buffer): Promise<Buffer>
  }
}) => Promise<Buffer>

interface Login {
  readonly host: string
  readonly port: number
  readonly saslAuthenticate: SaslAuthenticate
}

const SEPARATOR = '\u0001'

/**
 * SASL OAUTHBEARER (RFC 7628) in the form that kafkajs calls. Its own implementation ignores the
 * error response of the broker, so that a refused token fails in the next request.
 *
 * @param token called for each login, the repeated ones included (KIP-368)
 * @param extensions sent with the token (KIP-342)
 */
export function oauthBearerLogin(
  token: () => Promise<string>,
  extensions: Readonly<Record<string, string>> = {},
) {
  return ({ host, port, saslAuthenticate }: Login) => ({
    async authenticate(): Promise<void> {
      const pairs = [['auth', `Bearer ${await token()}`], ...Object.entries(extensions)]
      const fields = pairs.map(([name, value]) => `${name}=${value}`)
      const message = ['n,,', ...fields, '', ''].join(SEPARATOR)
      const challenge = await send(saslAuthenticate, message)
      if (challenge.length === 0) return
      // A challenge is the error response. The exchange ends with a separator, which the broker
      // answers with a failed login.
      await send(saslAuthenticate, SEPARATOR).catch(() => {})
      throw new KafkaError(
        'AUTHENTICATION',
        `${host}:${port} refuses the OAuth token (${statusOf(challenge)}): check the token endpoint, the client and its scope`,
      )
    },
  })
}

/** kafkajs passes the messages with their length, as the brokers of Kafka 0.10 expect them. */
const LENGTH_BYTES = 4

function send(saslAuthenticate: SaslAuthenticate, message: string): Promise<Buffer> {
  const body = Buffer.from(message)
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeInt32BE(body.length)
  return saslAuthenticate({
    request: { encode: async () => Buffer.concat([length, body]) },
    response: {
      decode: async payload => payload.subarray(LENGTH_BYTES),
      parse: async decoded => decoded,
    },
  })
}

/** Status of an error response (RFC 7628, section 3.2.2). */
function statusOf(challenge: Buffer): string {
  try {
    const { status } = JSON.parse(challenge.toString())
    return typeof status === 'string' ? status.slice(0, 100) : 'no status'
  } catch {
    return 'no status'
  }
}
