"""A worker that takes jobs from queues, and exposes its metrics at /metrics.

It knows nothing of Kafka: an agent beside it scrapes it and publishes what it finds. It stands for
any program that has a /metrics already.
"""

import argparse
import random
import signal
import threading
import time

from prometheus_client import Counter, Gauge, Histogram, start_http_server

JOBS = Counter(
    "worker_jobs_total",
    "Total number of finished jobs by queue and result.",
    ["queue", "result"],
)
DURATION = Histogram(
    "worker_job_duration_seconds",
    "Time from the start of a job to its end.",
    ["queue"],
    buckets=[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
)
WAITING = Gauge("worker_jobs_waiting", "Number of jobs that wait.", ["queue"])

# Mean time of a job and of the pause until the next one arrives, seconds.
QUEUES = {"mail": (0.02, 0.1), "invoices": (0.06, 0.3), "thumbnails": (0.15, 0.4)}


def work(queue: str, stop: threading.Event) -> None:
    """Finishes the job that it has begun before it ends."""
    mean, pause = QUEUES[queue]
    while not stop.wait(random.expovariate(1 / pause)):
        WAITING.labels(queue).set(random.randrange(10))
        with DURATION.labels(queue).time():
            time.sleep(min(1.0, random.expovariate(1 / mean)))
        JOBS.labels(queue, "error" if random.random() < 0.02 else "success").inc()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--web.listen-address", dest="address", default="127.0.0.1:9781")
    host, _, port = parser.parse_args().address.rpartition(":")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server, serving = start_http_server(int(port), host)
    for queue in QUEUES:
        for result in ("success", "error"):
            JOBS.labels(queue, result)
    workers = [threading.Thread(target=work, args=(queue, stop)) for queue in QUEUES]
    for worker in workers:
        worker.start()
    stop.wait()
    for worker in workers:
        worker.join()
    # The last values can be scraped until here.
    server.shutdown()
    serving.join()


if __name__ == "__main__":
    main()
