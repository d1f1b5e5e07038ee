"""A producer of snapshots that follows docs/wire-format.md.

It reads the schemas from the document and encodes with fastavro:

    python producer.py docs/wire-format.md < cases.json > records.json

A case is the data of an app: families and values, or a failure. A record is the input of a Kafka
client, in hexadecimal. Numbers of a case are strings, because JSON has neither NaN nor -0. In place
of cases, the input may be compressed layouts; then the output is their uncompressed bytes.
"""

import gzip
import hashlib
import io
import json
import math
import re
import sys

from fastavro import parse_schema, schemaless_writer
from fastavro.schema import fingerprint, to_parsing_canonical_form

PARTITIONS = 12
SAFE = 2**53 - 1


def schemas_of(document):
    """Schemas in the document, by name."""
    blocks = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", document, re.S)]
    return {schema["name"]: schema for schema in blocks}


def murmur2(data):
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little")
        k = (k * m) & mask
        k ^= k >> 24
        k = (k * m) & mask
        h = ((h * m) & mask) ^ k
    left = len(data) - whole
    if left == 3:
        h ^= data[whole + 2] << 16
    if left >= 2:
        h ^= data[whole + 1] << 8
    if left >= 1:
        h ^= data[whole]
        h = (h * m) & mask
    h ^= h >> 13
    h = (h * m) & mask
    return h ^ (h >> 15)


def sorted_labels(labels):
    pairs = sorted(labels.items(), key=lambda pair: pair[0].encode())
    return [{"name": name, "value": value} for name, value in pairs]


def key_of(target):
    return "".join(f"{label['name']}\0{label['value']}\0" for label in target).encode()


def number_of(text):
    """An int if the document requires a long, else a float."""
    value = float(text)
    negative_zero = value == 0 and math.copysign(1, value) < 0
    if math.isfinite(value) and value.is_integer() and abs(value) <= SAFE and not negative_zero:
        return int(value)
    return value


class Producer:
    def __init__(self, document, compress):
        self.compress = compress
        schemas = schemas_of(document)
        self.layout_schema = parse_schema(schemas["Layout"])
        # Each schema defines Label.
        self.snapshot_schema = parse_schema(schemas["Snapshot"], named_schemas={})
        self.failure_schema = parse_schema(schemas["Failure"], named_schemas={})
        self.fingerprints = {
            name: fingerprint(to_parsing_canonical_form(schemas[name]), "CRC-64-AVRO")
            for name in ("Snapshot", "Failure")
        }

    def layout(self, families, compression):
        out = io.BytesIO()
        schemaless_writer(out, self.layout_schema, {"families": [self.family(f) for f in families]})
        layout = out.getvalue()
        return hashlib.sha256(layout).digest()[:16], self.compress[compression](layout)

    def family(self, family):
        series = [{**s, "labels": sorted_labels(s["labels"])} for s in family["series"]]
        return {**family, "series": series}

    def record(self, case):
        header = {
            **case["numbers"],
            "target": sorted_labels(case["target"]),
            "collectSeconds": float(case["collectSeconds"]),
        }
        if "failure" in case:
            value = self.failure(header, case["failure"])
        else:
            value = self.snapshot(header, case)
        key = key_of(header["target"])
        partition = (murmur2(key) & 0x7FFFFFFF) % PARTITIONS
        return {"key": key.hex(), "value": value.hex(), "partition": partition}

    def snapshot(self, header, case):
        layout_id, layout = self.layout(case["families"], case["compression"])
        snapshot = {
            **header,
            "end": case["end"],
            "layoutId": layout_id,
            "layout": layout,
            "values": [number_of(text) for text in case["values"]],
            "timestamps": case["timestamps"],
            "exemplars": case["exemplars"],
        }
        return self.value("Snapshot", self.snapshot_schema, snapshot)

    def failure(self, header, reason):
        return self.value("Failure", self.failure_schema, {**header, "failure": reason})

    def value(self, name, schema, record):
        out = io.BytesIO()
        out.write(b"\xc3\x01" + bytes.fromhex(self.fingerprints[name]))
        schemaless_writer(out, schema, record)
        return out.getvalue()


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = file.read()
    # The document contains implementations of murmur2, compress and decompress.
    copied = {}
    for code in re.findall(r"```python\n(.*?)```", document, re.S):
        exec(code, copied)
    producer = Producer(document, {"dictionary": copied["compress"], "gzip": gzip.compress})
    cases = json.loads(sys.stdin.buffer.read())
    if "compressed" in cases:
        layouts = [copied["decompress"](bytes.fromhex(text)).hex() for text in cases["compressed"]]
        print(json.dumps(layouts))
        return
    records = [producer.record(case) for case in cases]
    for record in records:
        assert copied["murmur2"](bytes.fromhex(record["key"])) == murmur2(bytes.fromhex(record["key"]))
    print(json.dumps({"fingerprints": producer.fingerprints, "records": records}))


if __name__ == "__main__":
    main()
