/**
 * Output of org.apache.kafka.common.utils.Utils in kafka-clients 4.3.1: murmur2, and
 * toPositive(murmur2) % 12.
 */
export const JAVA: readonly [text: string, hash: number, of12: number][] = [
  ['', 275646681, 9],
  ['21', -973932308, 0],
  ['foobar', -790332482, 6],
  ['a-little-bit-long-string', -985981536, 8],
  ['a-little-bit-longer-string', -1486304829, 11],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971, 5],
  ['abc', 479470107, 3],
  ['instance\x0010.0.0.7:8080\0job\0shop\0', 1016969460, 0],
  ['job\0batch\0', -495119132, 0],
  ['job\0größe\0region\0東京\0', -2133852999, 5],
  ['job\0🚀\0', -124162416, 8],
]
