/**
 * Beginnings of the names of metrics that runtimes, frameworks and the publisher itself expose:
 * those in the dictionary of layouts.
 */
const COMMON =
  /^(?:application|disk|dotnet|executor|go|hikaricp|jdbc|jvm|logback|node|nodejs|process|promhttp|publisher|python|system|tomcat)_/

/** Place of a family in a layout. */
export interface FamilyPlace {
  readonly name: string
  readonly common: boolean
}

export const placeOf = (name: string): FamilyPlace => ({ name, common: COMMON.test(name) })

/**
 * Common families first, then by name. zlib reaches back 32 KiB, so that only the beginning of a
 * large layout gains from a dictionary.
 */
export function comparePlaces(a: FamilyPlace, b: FamilyPlace): number {
  if (a.common !== b.common) return a.common ? -1 : 1
  return a.name < b.name ? -1 : 1
}
