import protobuf from 'protobufjs'

/** The schema of client_model. */
const { root } = protobuf.parse(
  `syntax = "proto2";
  package io.prometheus.client;
  message Timestamp { optional int64 seconds = 1; optional int32 nanos = 2; }
  message LabelPair { optional string name = 1; optional string value = 2; }
  enum MetricType { COUNTER = 0; GAUGE = 1; SUMMARY = 2; UNTYPED = 3; HISTOGRAM = 4; GAUGE_HISTOGRAM = 5; }
  message Gauge { optional double value = 1; }
  message Counter { optional double value = 1; optional Exemplar exemplar = 2; optional Timestamp created_timestamp = 3; }
  message Quantile { optional double quantile = 1; optional double value = 2; }
  message Summary {
    optional uint64 sample_count = 1; optional double sample_sum = 2; repeated Quantile quantile = 3;
    optional Timestamp created_timestamp = 4;
  }
  message Untyped { optional double value = 1; }
  message Histogram {
    optional uint64 sample_count = 1; optional double sample_count_float = 4; optional double sample_sum = 2;
    repeated Bucket bucket = 3; optional Timestamp created_timestamp = 15;
    optional sint32 schema = 5; optional double zero_threshold = 6; optional uint64 zero_count = 7;
    optional double zero_count_float = 8; repeated BucketSpan negative_span = 9; repeated sint64 negative_delta = 10;
    repeated double negative_count = 11; repeated BucketSpan positive_span = 12; repeated sint64 positive_delta = 13;
    repeated double positive_count = 14; repeated Exemplar exemplars = 16;
  }
  message Bucket {
    optional uint64 cumulative_count = 1; optional double cumulative_count_float = 4; optional double upper_bound = 2;
    optional Exemplar exemplar = 3;
  }
  message BucketSpan { optional sint32 offset = 1; optional uint32 length = 2; }
  message Exemplar { repeated LabelPair label = 1; optional double value = 2; optional Timestamp timestamp = 3; }
  message Metric {
    repeated LabelPair label = 1; optional Gauge gauge = 2; optional Counter counter = 3; optional Summary summary = 4;
    optional Untyped untyped = 5; optional Histogram histogram = 7; optional int64 timestamp_ms = 6;
  }
  message MetricFamily {
    optional string name = 1; optional string help = 2; optional MetricType type = 3; repeated Metric metric = 4;
    optional string unit = 5;
  }`,
  { keepCase: false },
)
const MetricFamily = root.lookupType('io.prometheus.client.MetricFamily')

/** Metric types in the order of the enum. */
export const TYPES = {
  COUNTER: 0,
  GAUGE: 1,
  SUMMARY: 2,
  UNTYPED: 3,
  HISTOGRAM: 4,
  GAUGE_HISTOGRAM: 5,
}

export interface LabelPair {
  readonly name: string
  readonly value: string
}

export interface ExemplarMessage {
  readonly label?: readonly LabelPair[]
  readonly value?: number
  readonly timestamp?: { readonly seconds?: number; readonly nanos?: number }
}

export interface HistogramMessage {
  readonly sampleCount?: number
  readonly sampleCountFloat?: number
  readonly sampleSum?: number
  readonly bucket?: readonly {
    readonly cumulativeCount?: number
    readonly cumulativeCountFloat?: number
    readonly upperBound?: number
    readonly exemplar?: ExemplarMessage
  }[]
  readonly schema?: number
  readonly zeroThreshold?: number
  readonly zeroCount?: number
  readonly positiveSpan?: readonly { readonly offset: number; readonly length: number }[]
  readonly negativeSpan?: readonly { readonly offset: number; readonly length: number }[]
  readonly positiveDelta?: readonly number[]
  readonly negativeCount?: readonly number[]
}

export interface MetricMessage {
  readonly label?: readonly LabelPair[]
  readonly gauge?: { readonly value?: number }
  readonly counter?: { readonly value?: number; readonly exemplar?: ExemplarMessage }
  readonly summary?: {
    readonly sampleCount?: number
    readonly sampleSum?: number
    readonly quantile?: readonly { readonly quantile?: number; readonly value?: number }[]
  }
  readonly untyped?: { readonly value?: number }
  readonly histogram?: HistogramMessage
  readonly timestampMs?: number
}

export interface FamilyMessage {
  readonly name?: string
  readonly help?: string
  readonly type?: number
  readonly unit?: string
  readonly metric?: readonly MetricMessage[]
}

/** Encodes a body with protobufjs: length-delimited messages. */
export function encode(...families: readonly FamilyMessage[]): Buffer {
  return Buffer.concat(
    families.map(family => Buffer.from(MetricFamily.encodeDelimited(family).finish())),
  )
}

/** Decodes a body with protobufjs, to one object per message. */
export function decode(body: Uint8Array): readonly unknown[] {
  const reader = protobuf.Reader.create(body)
  const families: unknown[] = []
  while (reader.pos < reader.len) families.push(MetricFamily.decodeDelimited(reader))
  return families
}

/** Encodes a field that protobufjs does not write. */
export function field(number: number, wireType: number, ...content: readonly number[]): Buffer {
  return Buffer.from([number * 8 + wireType, ...content])
}

/** Encodes a field of type message, string or bytes, at most 127 bytes. */
export function nested(number: number, ...content: readonly (Uint8Array | string)[]): Buffer {
  const bytes = Buffer.concat(content.map(piece => Buffer.from(piece)))
  return Buffer.concat([field(number, 2, bytes.length), bytes])
}

/** Encodes a length-delimited message of at most 127 bytes. */
export function delimited(...content: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(content)
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}
