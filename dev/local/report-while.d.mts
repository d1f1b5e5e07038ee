export function reportWhile<T>(
  work: Promise<T>,
  log: (message: string) => void,
  progress: (seconds: number) => string,
): Promise<T>
