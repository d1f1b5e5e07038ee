type Packages = Record<string, { version?: string; optional?: boolean; devOptional?: boolean }>
export function isStale(wanted: Packages | null, installed: Packages | null): boolean
