import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**', 'test/measure/**', 'test/load/**'],
    environment: 'node',
    globalSetup: ['test/global-setup.ts'],
    // On a busy machine everything takes many times as long. Only a test that fails waits this long.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    // On a machine with much other load a wait may be in vain: it is tried once more, and reported.
    // Nothing else is: what a property test or a comparison finds once in a thousand runs is a fault.
    retry: { count: 1, condition: /\(after waiting [\d.]+ s\)|timed out in \d+ms/ },
    // Two cores, real brokers: with two workers the cores are idle for a third of the time, with more
    // than three tests make each other late.
    maxWorkers: 3,
  },
})
