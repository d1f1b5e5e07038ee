import type { Limits } from '../../../../shared/metrics/limits.js'
import type { Exposition } from '../../../../shared/metrics/model.js'
import { ProtobufReader } from '../../../../shared/metrics/protobuf/reader.js'
import { ProtobufRefused } from '../../../../shared/metrics/protobuf/refusal.js'

export const readBody = (body: Buffer, limits?: Limits): Exposition =>
  new ProtobufReader(limits).read(body)

/**
 * `reason: message` of a body that is refused, or the exposition. Anything else that is thrown
 * fails the test.
 */
export function tryBody(body: Buffer, limits?: Limits): Exposition | string {
  try {
    return readBody(body, limits)
  } catch (error) {
    if (error instanceof ProtobufRefused) return `${error.reason}: ${error.message}`
    throw error
  }
}

/** Series by name and labels, in order, with their values. */
export function samplesOf({ families, values }: Exposition): [string, number][] {
  let at = 0
  return families.flatMap(({ name, series }) =>
    series.map(({ suffix, labels }): [string, number] => [
      `${name}${suffix}{${labels.map(label => `${label.name}=${JSON.stringify(label.value)}`).join(',')}}`,
      values[at++],
    ]),
  )
}
