import { RefusedItems } from '../../../gateway/api/write/refused.js'
import { RecordMaker } from '../../../gateway/api/write/target-records.js'
import { runNow } from '../../../shared/base/steps.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import { DEFAULT_WRITE_LIMITS } from '../../../shared/metrics/remote-write/limits.js'
import { WriteReader } from '../../../shared/metrics/remote-write/reader.js'
import { decodeV2 } from '../../support/remote-write-schema.js'
import { type Row, spread } from '../table.js'
import { requestV1, requestV2, type WriteFleet } from './write-fleet.js'

const FLEET: WriteFleet = { targets: 20, series: 100 }
const SAMPLES = FLEET.targets * FLEET.series
const MEASURE_MS = 150
const ROUNDS = 7

interface Case {
  readonly work: string
  readonly goal?: string
  run(): unknown
}

/** Samples per CPU-second of reading requests and of making the records of the topic. */
export function codec(): Row[] {
  const reader = new WriteReader()
  const maker = new RecordMaker({
    request: DEFAULT_WRITE_LIMITS,
    labels: DEFAULT_LIMITS,
    targetLabels: ['job', 'instance', 'cluster', 'prometheus', 'prometheus_replica'],
  })
  const [v1, v2] = [requestV1(FLEET), requestV2(FLEET)]
  const records = (body: Buffer, protocol: '1.0' | '2.0') => () =>
    runNow(maker.make(body, { protocol, notAfter: Infinity, acquire() {} }, new RefusedItems()))
  const cases: Case[] = [
    { work: 'read a request of protocol 2.0', goal: '≥ 10 M', run: () => reader.read(v2, '2.0') },
    { work: 'read a request of protocol 2.0: protobufjs', run: () => decodeV2(v2) },
    { work: 'read a request of protocol 1.0', run: () => reader.read(v1, '1.0') },
    {
      work: 'read, check and split by target, protocol 2.0',
      goal: '≥ 3 M',
      run: records(v2, '2.0'),
    },
    { work: 'read, check and split by target, protocol 1.0', run: records(v1, '1.0') },
  ]
  const figures = cases.map(() => [] as number[])
  // Once without counting, so that everything is compiled.
  for (let round = -1; round < ROUNDS; round++)
    cases.forEach(({ run }, i) => {
      const rate = measure(run)
      if (round >= 0) figures[i].push(rate)
    })
  return cases.map(({ work, goal = '' }, i) => ({
    work,
    figure: `${spread(figures[i])} M samples/CPU-s`,
    goal,
    note: `${SAMPLES} samples of ${FLEET.targets} targets, ${ROUNDS} runs in turn`,
  }))
}

/** Millions of samples per CPU-second. */
function measure(run: () => unknown): number {
  let calls = 0
  let spent = 0
  const before = process.cpuUsage()
  while (spent < MEASURE_MS * 1000) {
    run()
    calls++
    const { user, system } = process.cpuUsage(before)
    spent = user + system
  }
  return (calls * SAMPLES) / spent
}
