"""What the runtime itself measures, the same for every service."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

BUILD_INFO = Gauge("tocsin_build_info", "The version that runs; always 1", ["version"])
READY = Gauge("tocsin_ready", "Whether a service can work with a component", ["service", "component"])

REQUESTS = Counter("tocsin_http_requests_total", "HTTP requests answered", ["service", "method", "route", "status"])
REQUEST_SECONDS = Histogram("tocsin_http_request_duration_seconds", "Time to answer", ["service", "method", "route"])
RECORDS = Counter("tocsin_consumer_records_total", "Records digested", ["service", "topic", "partition"])
BATCH_RECORDS = Histogram(
    "tocsin_consumer_batch_records",
    "Records in one transaction",
    ["service", "topic"],
    buckets=(1, 10, 100, 500, 1_000, 2_000, 5_000),
)
BATCH_SECONDS = Histogram("tocsin_consumer_batch_duration_seconds", "Time of one transaction", ["service", "topic"])
LAG_RECORDS = Gauge(
    "tocsin_consumer_lag_records", "Records in the log not yet digested", ["service", "topic", "partition"]
)
LAG_SECONDS = Gauge(
    "tocsin_consumer_lag_seconds",
    "Age of the oldest record in the log not yet digested",
    ["service", "topic", "partition"],
)
FENCED = Counter("tocsin_consumer_fenced_total", "Batches refused because another owner moved on", ["service", "topic"])
RETRIES = Counter("tocsin_consumer_retries_total", "Batches tried again after a passing fault", ["service", "topic"])
SKIPPED = Counter("tocsin_consumer_skipped_total", "Records of types meant for others", ["service", "topic"])
LETTERS_SETTLED = Counter("tocsin_dead_letters_settled_total", "Dead letters retried, dismissed", ["service", "state"])
DEAD_LETTERS = Counter("tocsin_consumer_dead_letters_total", "Records put aside as poison", ["service", "topic"])
SENT = Counter("tocsin_relay_sent_total", "Outbox rows handed to the log", ["service", "topic"])
SEND_FAILURES = Counter("tocsin_relay_failures_total", "Sends that were not confirmed", ["service", "topic"])
OUTBOX_ROWS = Gauge("tocsin_outbox_rows", "Outbox rows not yet sent", ["service"])
OUTBOX_AGE_SECONDS = Gauge("tocsin_outbox_age_seconds", "Age of the oldest unsent outbox row", ["service"])


def begin_at_zero(service: str, listens: Iterable[str], publishes: Iterable[str]) -> None:
    """Show what has not happened yet as zero: of a series that begins with its first event, nobody sees an increase."""
    for topic in listens:
        for counter in (FENCED, RETRIES, DEAD_LETTERS):
            counter.labels(service, topic)
    for topic in publishes:
        for counter in (SENT, SEND_FAILURES):
            counter.labels(service, topic)
