// npm test [-- arguments of vitest]. The last line of output is: N passed, N failed, N skipped
import { command, root } from './project.mjs'
import { setup } from './setup.mjs'

await command(() => setup())

process.chdir(root)
const { parseCLI, startVitest } = await import('vitest/node')
const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
let counts = { passed: 0, failed: 1, skipped: 0 }
try {
  const vitest = await startVitest('test', filter, options)
  counts = count(vitest)
  for (const line of secondAttempts(vitest)) process.stdout.write(`${line}\n`)
  await vitest.close()
} catch (error) {
  process.stderr.write(`${error.stack}\n`)
}
process.stdout.write(
  `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`,
  () => process.exit(counts.failed === 0 && !process.exitCode ? 0 : 1),
)

/** Counts tests. A file that cannot be loaded and an error outside of tests count as failures. */
function count(vitest) {
  const found = { passed: 0, failed: vitest.state.getUnhandledErrors().length, skipped: 0 }
  for (const module of vitest.state.getTestModules()) {
    for (const test of module.children.allTests()) {
      const state = test.result().state
      found[state === 'passed' || state === 'failed' ? state : 'skipped']++
    }
    found.failed += module.errors().length
    for (const suite of module.children.allSuites()) found.failed += suite.errors().length
  }
  if (found.failed === 0 && process.exitCode) found.failed = 1
  return found
}

/** Tests that passed at their second attempt, each with why the first one failed. */
function* secondAttempts(vitest) {
  for (const module of vitest.state.getTestModules())
    for (const test of module.children.allTests())
      if (test.diagnostic()?.flaky) {
        const [reason] = (test.result().errors?.[0]?.message ?? '').split('\n')
        yield `passed at the second attempt: ${module.relativeModuleId} > ${test.fullName}: ${reason}`
      }
}
