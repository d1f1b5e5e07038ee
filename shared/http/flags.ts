import { flag, integer, listenAddress, text } from '../base/flags/builders.js'
import type { Problem } from '../base/flags/types.js'
import { loadWebConfig } from './web-config/load.js'
import { WebConfigError } from './web-config/parse.js'

/** @param address the program's default, such as `:9754` */
export const listenFlag = (address: string) => ({
  'web.listen-address': flag(listenAddress, {
    default: address,
    help: 'Address to listen on for the HTTP server.',
  }),
})

/** Limits and security of a program's HTTP server. */
export const webFlags = {
  'web.max-connections': flag(integer(1, 1_000_000), {
    default: '4096',
    help: 'Maximum number of simultaneous connections.',
  }),
  'web.max-requests': flag(integer(1, 100_000), {
    default: '40',
    help: 'Maximum number of concurrent responses with a body. Further requests wait, clients in turn, for 90% of their scrape timeout, or 30s without one, and are then answered with 503.',
  }),
  'web.config.file': flag(text, {
    placeholder: '<file>',
    help: 'YAML file with TLS, headers and users of the HTTP server, in the format of the Prometheus exporters: tls_server_config, http_server_config, basic_auth_users. It is reloaded when it changes.',
  }),
}

/** Problems of the file that `--web.config.file` names, and whether it enables TLS. */
export function checkWebConfig(path: string | undefined): { tls: boolean; problems: Problem[] } {
  if (path === undefined) return { tls: false, problems: [] }
  try {
    return { tls: loadWebConfig(path).tls !== undefined, problems: [] }
  } catch (error) {
    if (!(error instanceof WebConfigError)) throw error
    const problems = error.problems.map(problem => ({
      flag: '--web.config.file',
      message: `${path}: ${problem}`,
    }))
    return { tls: false, problems }
  }
}
