declare module 'parse-prometheus-text-format' {
  /** Families with their samples; values are strings. */
  export default function parsePrometheusTextFormat(text: string): object[]
}
