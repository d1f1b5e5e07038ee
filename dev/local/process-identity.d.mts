export function processIdentity(pid: number): string | null
export function isAlive(pid: number, identity: string | null): boolean
