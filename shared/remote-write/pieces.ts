import { type Piece, samplesOfPiece } from './item.js'

export const samplesIn = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, piece) => sum + samplesOfPiece(piece), 0)

/** The pieces of each target, in their order. */
export function byTarget(pieces: readonly Piece[]): Piece[][] {
  const groups = new Map<string, Piece[]>()
  for (const piece of pieces) {
    const group = groups.get(piece.item.target)
    if (group) group.push(piece)
    else groups.set(piece.item.target, [piece])
  }
  return [...groups.values()]
}

/**
 * Two requests in place of one. They hold different targets, so that one can be stored without the
 * other; those of one target have to be stored in order.
 *
 * @returns null for a single piece
 */
export function halved(pieces: readonly Piece[]): readonly [Piece[], Piece[]] | null {
  if (pieces.length < 2) return null
  const groups = byTarget(pieces)
  const [first] = groups
  if (groups.length === 1) return [first.slice(0, 1), first.slice(1)]
  const middle = groups.length >> 1
  return [groups.slice(0, middle).flat(), groups.slice(middle).flat()]
}

/** As `halved`, also of the series of one piece. @returns null for a single series */
export function halvedBySize(pieces: readonly Piece[]): readonly [Piece[], Piece[]] | null {
  const halves = halved(pieces)
  if (halves) return halves
  const [{ item, from, to }] = pieces
  if (to - from < 2) return null
  const middle = (from + to) >> 1
  return [[{ item, from, to: middle }], [{ item, from: middle, to }]]
}
