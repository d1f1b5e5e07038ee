import protobuf from 'protobufjs'

/** Messages that both protocols have. */
const COMMON = `
  message Histogram {
    enum ResetHint { UNKNOWN = 0; YES = 1; NO = 2; GAUGE = 3; }
    oneof count { uint64 count_int = 1; double count_float = 2; }
    double sum = 3; sint32 schema = 4; double zero_threshold = 5;
    oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
    repeated BucketSpan negative_spans = 8; repeated sint64 negative_deltas = 9; repeated double negative_counts = 10;
    repeated BucketSpan positive_spans = 11; repeated sint64 positive_deltas = 12; repeated double positive_counts = 13;
    ResetHint reset_hint = 14; int64 timestamp = 15; repeated double custom_values = 16; int64 start_timestamp = 17;
  }
  message BucketSpan { sint32 offset = 1; uint32 length = 2; }
  enum MetricType {
    UNSPECIFIED = 0; COUNTER = 1; GAUGE = 2; HISTOGRAM = 3; GAUGEHISTOGRAM = 4; SUMMARY = 5; INFO = 6; STATESET = 7;
  }`

const V1 = `syntax = "proto3";
  package prometheus;
  message WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
  message MetricMetadata { MetricType type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
  message Sample { double value = 1; int64 timestamp = 2; }
  message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
  message TimeSeries {
    repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; repeated Histogram histograms = 4;
  }
  message Label { string name = 1; string value = 2; }
  ${COMMON}`

const V2 = `syntax = "proto3";
  package io.prometheus.write.v2;
  message Request { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
  message TimeSeries {
    repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3;
    repeated Exemplar exemplars = 4; Metadata metadata = 5; int64 created_timestamp = 6;
  }
  message Exemplar { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
  message Sample { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
  message Metadata { MetricType type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }
  ${COMMON}`

/** Without `resolveAll`, repeated numbers would not be packed. */
const typeOf = (schema: string, name: string): protobuf.Type =>
  protobuf.parse(schema).root.resolveAll().lookupType(name)

export const RequestV1 = typeOf(V1, 'prometheus.WriteRequest')
export const RequestV2 = typeOf(V2, 'io.prometheus.write.v2.Request')

export interface SampleMessage {
  readonly value?: number
  readonly timestamp?: number
  readonly startTimestamp?: number
}

export interface HistogramMessage {
  readonly countInt?: number
  readonly countFloat?: number
  readonly sum?: number
  readonly schema?: number
  readonly zeroThreshold?: number
  readonly zeroCountInt?: number
  readonly positiveSpans?: readonly { readonly offset: number; readonly length: number }[]
  readonly positiveDeltas?: readonly number[]
  readonly positiveCounts?: readonly number[]
  readonly customValues?: readonly number[]
  readonly resetHint?: number
  readonly timestamp?: number
  readonly startTimestamp?: number
}

export interface LabelMessage {
  readonly name?: string
  readonly value?: string
}

/** A request of protocol 1.0. */
export interface MessageV1 {
  readonly timeseries?: readonly {
    readonly labels?: readonly LabelMessage[]
    readonly samples?: readonly SampleMessage[]
    readonly exemplars?: readonly {
      readonly labels?: readonly LabelMessage[]
      readonly value?: number
      readonly timestamp?: number
    }[]
    readonly histograms?: readonly HistogramMessage[]
  }[]
  readonly metadata?: readonly {
    readonly type?: number
    readonly metricFamilyName?: string
    readonly help?: string
    readonly unit?: string
  }[]
}

/** A request of protocol 2.0. */
export interface MessageV2 {
  readonly symbols?: readonly string[]
  readonly timeseries?: readonly {
    readonly labelsRefs?: readonly number[]
    readonly samples?: readonly SampleMessage[]
    readonly histograms?: readonly HistogramMessage[]
    readonly exemplars?: readonly {
      readonly labelsRefs?: readonly number[]
      readonly value?: number
      readonly timestamp?: number
    }[]
    readonly metadata?: {
      readonly type?: number
      readonly helpRef?: number
      readonly unitRef?: number
    }
    readonly createdTimestamp?: number
  }[]
}

const bytesOf = (type: protobuf.Type, message: object): Buffer =>
  Buffer.from(type.encode(type.fromObject(message)).finish())

export const encodeV1 = (message: MessageV1): Buffer => bytesOf(RequestV1, message)
export const encodeV2 = (message: MessageV2): Buffer => bytesOf(RequestV2, message)

/** As `MessageV2`, with the defaults that protobufjs knows; numbers instead of Long. */
export const decodeV2 = (bytes: Uint8Array): MessageV2 =>
  RequestV2.toObject(RequestV2.decode(bytes), { longs: Number, arrays: true }) as MessageV2
export const decodeV1 = (bytes: Uint8Array): MessageV1 =>
  RequestV1.toObject(RequestV1.decode(bytes), { longs: Number, arrays: true }) as MessageV1
