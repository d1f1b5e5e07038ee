import { execFileSync } from 'node:child_process'
import { debianProgram, fetchDebianPackages } from './debian.js'
import { PARTS, type Part, type PartName } from './parts.js'
import { Unavailable, which } from './run-command.js'

/**
 * The path of a part: the one that its variable names, on the PATH, or fetched from Debian, once for
 * all processes and checkouts of a user, without being root.
 *
 * @throws Unavailable with what to do
 */
export async function fetchPart(name: PartName, log: (message: string) => void = () => {}): Promise<string> {
  const part: Part = PARTS[name]
  const here = findPart(part)
  if (here) return here
  const { title, variable, atLeast } = part
  const supply = `set ${variable} to one${atLeast ? ` of version ${atLeast} or newer` : ''}, or put it on the PATH`
  try {
    await fetchDebianPackages(part.debian, log)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    throw new Unavailable(`There is no ${title}: none on the PATH, and ${error.message}; ${supply}.`)
  }
  const path = fetched(part)
  if (path) return path
  throw new Unavailable(`There is no ${title}: the one that Debian has does not run here; ${supply}.`)
}

/** @throws Unavailable when its variable names something else */
function findPart(part: Part): string | null {
  const given = process.env[part.variable]
  if (given) {
    const problem = problemOf(part, given)
    if (problem) throw new Unavailable(`${part.variable}=${given} ${problem}.`)
    return given
  }
  const onPath = part.commands.map(which).find(path => path !== null && problemOf(part, path) === null)
  return onPath ?? fetched(part)
}

function fetched(part: Part): string | null {
  const path = debianProgram(part.debian, part.program)
  return path !== null && problemOf(part, path) === null ? path : null
}

const problems = new Map<string, string | null>()

/** Why a program cannot be that part, as the end of a sentence; null when it can. */
function problemOf(part: Part, path: string): string | null {
  const key = `${part.title} ${path}`
  let problem = problems.get(key)
  if (problem === undefined) {
    problem = findProblem(part, path)
    problems.set(key, problem)
  }
  return problem
}

function findProblem({ title, versionArguments, version, atLeast }: Part, path: string): string | null {
  let printed: string
  try {
    printed = execFileSync(path, versionArguments, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
      encoding: 'utf8',
    })
  } catch {
    return `does not run as ${title}`
  }
  if (!version || !atLeast) return null
  const found = version.exec(printed)?.[1]
  if (found === undefined) return `does not run as ${title}`
  return isAtLeast(found, atLeast) ? null : `is version ${found}, needed is ${atLeast}`
}

function isAtLeast(version: string, needed: string): boolean {
  const [has, needs] = [version, needed].map(text => text.split('.').map(Number.parseFloat))
  const differs = needs.findIndex((number, i) => has[i] !== number)
  return differs < 0 || has[differs] > needs[differs]
}
