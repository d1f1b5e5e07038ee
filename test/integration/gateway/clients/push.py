"""Pushes with the official client library. Arguments: address of the gateway, what to do."""

import sys

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Summary,
    delete_from_gateway,
    instance_ip_grouping_key,
    push_to_gateway,
    pushadd_to_gateway,
)

gateway, action = sys.argv[1:]
registry = CollectorRegistry()
Gauge("job_last_success_unixtime", "Last success", registry=registry).set(7)
Counter("job_rows", "Rows", ["table"], registry=registry).labels("users").inc(3)
Histogram("job_seconds", "Duration", registry=registry).observe(0.3)
Summary("job_bytes", "Size", registry=registry).observe(5)
only = CollectorRegistry()
Gauge("job_last_success_unixtime", "Last success", registry=only).set(8)

if action == "push":
    push_to_gateway(gateway, job="batchA", registry=registry)
elif action == "push with a grouping key":
    key = {"instance": "a/b", "zone": ""}
    push_to_gateway(gateway, job="batch/B", registry=registry, grouping_key=key)
elif action == "pushadd":
    push_to_gateway(gateway, job="batchA", registry=registry)
    pushadd_to_gateway(gateway, job="batchA", registry=only)
elif action == "push replaces":
    push_to_gateway(gateway, job="batchA", registry=registry)
    push_to_gateway(gateway, job="batchA", registry=only)
elif action == "delete":
    push_to_gateway(gateway, job="batchA", registry=registry)
    push_to_gateway(gateway, job="batchB", registry=only)
    delete_from_gateway(gateway, job="batchA")
elif action == "instance_ip":
    key = instance_ip_grouping_key()
    push_to_gateway(gateway, job="batchA", registry=registry, grouping_key=key)
else:
    sys.exit(f"unknown action: {action}")
