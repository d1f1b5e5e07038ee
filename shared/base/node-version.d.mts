export function checkNodeVersion(packageJson: string, running?: string): void
