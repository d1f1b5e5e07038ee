import { execFileSync } from 'node:child_process'
import { debianProgram, fetchDebianPackages } from './debian.js'
import { buildGoProgram, builtGoProgram } from './go-program.js'
import { PARTS, type Part, type PartName } from './parts.js'
import { Unavailable, which } from './run-command.js'

/**
 * The path of a part: that of its environment variable, on the PATH, fetched from Debian, or built
 * from a Go module. Fetching happens once for all processes and checkouts of a user, and does not
 * need root.
 *
 * @throws Unavailable with what to do
 */
export async function fetchPart(
  name: PartName,
  log: (message: string) => void = () => {},
): Promise<string> {
  const part: Part = PARTS[name]
  const found = findPart(part)
  if (found) return found
  const { title, variable, atLeast } = part
  const version = atLeast ? ` ${atLeast} or newer` : ''
  const remedy = `Set ${variable} to the path of ${title}${version}, or put it on the PATH`
  try {
    if (part.debian) await fetchDebianPackages(part.debian, log)
    if (part.go) await buildGoProgram(part.go, log)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    throw new Unavailable(
      `${title} is missing: it is not on the PATH, and ${error.message}. ${remedy}.`,
    )
  }
  const path = findFetched(part)
  if (path) return path
  throw new Unavailable(
    `${title} is missing: the program from ${part.go ? 'its Go module' : 'Debian'} does not run here. ${remedy}.`,
  )
}

/** @throws Unavailable if its variable names another program or version */
function findPart(part: Part): string | null {
  const configured = process.env[part.variable]
  if (configured) {
    const problem = problemOf(part, configured)
    if (problem) throw new Unavailable(`${part.variable}=${configured} ${problem}.`)
    return configured
  }
  const onPath = part.commands
    .map(which)
    .find(path => path !== null && problemOf(part, path) === null)
  return onPath ?? findFetched(part)
}

function findFetched(part: Part): string | null {
  const path =
    (part.debian && debianProgram(part.debian, part.program)) ??
    (part.go && builtGoProgram(part.go))
  return path && problemOf(part, path) === null ? path : null
}

const problems = new Map<string, string | null>()

/** Why a program cannot be used as the part, as the end of a sentence. Null if it can. */
function problemOf(part: Part, path: string): string | null {
  const key = `${part.title} ${path}`
  let problem = problems.get(key)
  if (problem === undefined) {
    problem = findProblem(part, path)
    problems.set(key, problem)
  }
  return problem
}

function findProblem(
  { title, versionArguments, version, atLeast }: Part,
  path: string,
): string | null {
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
  return isAtLeast(found, atLeast) ? null : `is version ${found}, but ${atLeast} is required`
}

function isAtLeast(version: string, required: string): boolean {
  const [actual, minimum] = [version, required].map(text => text.split('.').map(Number.parseFloat))
  const differs = minimum.findIndex((number, i) => actual[i] !== number)
  return differs < 0 || actual[differs] > minimum[differs]
}
