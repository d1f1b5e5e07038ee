/** Numbers of running publishers of this process by cluster, topic and target. */
const running = new Map<string, number>()

/**
 * @returns whether another publisher with this name is running, and a function to be called once
 */
export function beginTarget(name: string): { readonly isShared: boolean; end(): void } {
  const others = running.get(name) ?? 0
  running.set(name, others + 1)
  return {
    isShared: others > 0,
    end() {
      const left = (running.get(name) ?? 1) - 1
      if (left > 0) running.set(name, left)
      else running.delete(name)
    },
  }
}
