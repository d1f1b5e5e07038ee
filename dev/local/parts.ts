import type { DebianPackages } from './debian.js'
import type { GoProgram } from './go-program.js'

/** A third-party program that tests, the lab or `npm start` run. */
export interface Part {
  /** Name in messages. */
  readonly title: string
  /** Environment variable with the path of the program. */
  readonly variable: string
  /** Names of the program on the PATH, the preferred one first. */
  readonly commands: readonly string[]
  /** The Debian packages that contain the program, or the Go module that it is built from. */
  readonly debian?: DebianPackages
  readonly go?: GoProgram
  /** Its file name in the packages or the module. */
  readonly program: string
  /** Arguments with which the program prints its version and exits with 0. */
  readonly versionArguments: readonly string[]
  /** Matches the printed version as group 1. Without it any version is accepted. */
  readonly version?: RegExp
  /** The oldest version that is accepted, such as `3` or `0.27`. */
  readonly atLeast?: string
}

const prometheus: DebianPackages = {
  suite: 'newer',
  packages: ['prometheus', 'promtool'],
  programs: ['usr/bin/prometheus', 'usr/bin/promtool'],
}
const alertmanager: DebianPackages = {
  suite: 'newer',
  packages: ['prometheus-alertmanager'],
  programs: ['usr/bin/prometheus-alertmanager', 'usr/bin/amtool'],
}
const victoriaMetrics: DebianPackages = {
  suite: 'newer',
  // libzstd of the same suite, because older versions lack symbols that VictoriaMetrics uses.
  packages: ['victoria-metrics', 'libzstd1'],
  programs: ['usr/bin/victoria-metrics', 'usr/bin/vmagent'],
}

/**
 * The parts and their sources. Go programs also run on older systems, so they come from a newer
 * suite of Debian; what Debian lacks is built from its module. Other programs depend on the C library, so they come with their libraries from
 * the suite of this machine.
 */
export const PARTS = {
  prometheus: {
    title: 'Prometheus',
    variable: 'PROMETHEUS_BIN',
    commands: ['prometheus'],
    debian: prometheus,
    program: 'prometheus',
    versionArguments: ['--version'],
    version: /^prometheus, version (\S+)/,
    atLeast: '3',
  },
  /** The oldest version that is supported: it knows no UTF-8 names. */
  'prometheus-2': {
    title: 'Prometheus 2.53',
    variable: 'PROMETHEUS_2_BIN',
    commands: [],
    debian: { suite: 'stable', packages: ['prometheus'], programs: ['usr/bin/prometheus'] },
    program: 'prometheus',
    versionArguments: ['--version'],
    version: /^prometheus, version (2\.\S+)/,
    atLeast: '2.53',
  },
  promtool: {
    title: 'promtool',
    variable: 'PROMTOOL_BIN',
    commands: ['promtool'],
    debian: prometheus,
    program: 'promtool',
    versionArguments: ['--version'],
    version: /^promtool, version (\S+)/,
    atLeast: '3',
  },
  alertmanager: {
    title: 'Alertmanager',
    variable: 'ALERTMANAGER_BIN',
    commands: ['alertmanager', 'prometheus-alertmanager'],
    debian: alertmanager,
    program: 'prometheus-alertmanager',
    versionArguments: ['--version'],
    version: /^alertmanager, version (\S+)/,
    atLeast: '0.27',
  },
  amtool: {
    title: 'amtool',
    variable: 'AMTOOL_BIN',
    commands: ['amtool'],
    debian: alertmanager,
    program: 'amtool',
    versionArguments: ['--version'],
    version: /^amtool, version (\S+)/,
    atLeast: '0.27',
  },
  pushgateway: {
    title: 'Pushgateway',
    variable: 'PUSHGATEWAY_BIN',
    commands: ['pushgateway', 'prometheus-pushgateway'],
    debian: {
      suite: 'newer',
      packages: ['prometheus-pushgateway'],
      programs: ['usr/bin/prometheus-pushgateway'],
    },
    program: 'prometheus-pushgateway',
    versionArguments: ['--version'],
    version: /^pushgateway, version (\S+)/,
    atLeast: '1.11',
  },
  /** What the host collectors of the agent are compared with. */
  'node-exporter': {
    title: 'node_exporter',
    variable: 'NODE_EXPORTER_BIN',
    commands: ['node_exporter', 'prometheus-node-exporter'],
    debian: {
      suite: 'newer',
      packages: ['prometheus-node-exporter'],
      programs: ['usr/bin/prometheus-node-exporter'],
    },
    program: 'prometheus-node-exporter',
    versionArguments: ['--version'],
    version: /^node_exporter, version (\S+)/,
    atLeast: '1.11',
  },
  caddy: {
    title: 'Caddy',
    variable: 'CADDY_BIN',
    commands: ['caddy'],
    debian: { suite: 'newer', packages: ['caddy'], programs: ['usr/bin/caddy'] },
    program: 'caddy',
    versionArguments: ['version'],
    version: /^v?(\d\S*)/,
    atLeast: '2.8',
  },
  'victoria-metrics': {
    title: 'VictoriaMetrics',
    variable: 'VICTORIA_METRICS_BIN',
    commands: ['victoria-metrics', 'victoria-metrics-prod'],
    debian: victoriaMetrics,
    program: 'victoria-metrics',
    versionArguments: ['-version'],
  },
  vmagent: {
    title: 'vmagent',
    variable: 'VMAGENT_BIN',
    commands: ['vmagent', 'vmagent-prod'],
    debian: victoriaMetrics,
    program: 'vmagent',
    versionArguments: ['-version'],
  },
  redis: {
    title: 'Redis',
    variable: 'REDIS_BIN',
    commands: ['redis-server'],
    debian: {
      suite: 'own',
      packages: ['redis-server', 'redis-tools'],
      programs: ['usr/bin/redis-server', 'usr/bin/redis-cli'],
    },
    program: 'redis-server',
    versionArguments: ['--version'],
    version: /^Redis server v=(\S+)/,
    atLeast: '6',
  },
  /** With only the plugins that the benchmark of peers configures. */
  telegraf: {
    title: 'Telegraf',
    variable: 'TELEGRAF_BIN',
    commands: ['telegraf'],
    go: {
      module: 'github.com/influxdata/telegraf',
      version: 'v1.37.2',
      main: 'cmd/telegraf',
      tags: ['custom', 'inputs.kafka_consumer', 'outputs.prometheus_client', 'parsers.influx'],
      variables: { 'github.com/influxdata/telegraf/internal.Version': '1.37.2' },
    },
    program: 'telegraf',
    versionArguments: ['--version'],
    version: /^Telegraf (\d\S*)/,
    atLeast: '1.30',
  },
  chromium: {
    title: 'Chromium',
    variable: 'CHROMIUM_BIN',
    commands: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    debian: { suite: 'own', packages: ['chromium'], programs: ['usr/lib/chromium/chromium'] },
    program: 'chromium',
    versionArguments: ['--version'],
    version: /\b(?:Chromium|Chrome) (\S+)/,
    atLeast: '100',
  },
} as const satisfies Record<string, Part>

export type PartName = keyof typeof PARTS
