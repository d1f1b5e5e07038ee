import type { Limits } from '../limits.js'
import type { Label } from '../model.js'
import { keyOf, LENGTH, type WireReader } from './wire.js'

const NAME = keyOf(1, LENGTH)
const VALUE = keyOf(2, LENGTH)
const LABEL_FIELDS = 0b110

/** Reads a LabelPair message up to `end`. */
export function readLabel(wire: WireReader, end: number, limits: Limits): Label {
  const start = wire.at
  let name = ''
  let value = ''
  for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
    if (key === NAME) name = wire.string(end, limits.nameBytes, 'the label name')
    else if (key === VALUE) value = wire.string(end, limits.valueBytes, 'the label value')
    else wire.skip(key, end, LABEL_FIELDS)
  }
  if (name === '') wire.refuse('label', 'a label has no name; give it one', start)
  if (name === '__name__')
    wire.refuse(
      'label',
      'label "__name__" is reserved for the name of the metric family; remove it',
      start,
    )
  return { name, value }
}
