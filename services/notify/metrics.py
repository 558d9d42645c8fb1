"""What notify counts for its operators."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("tocsin_notify_messages_total", "Attempts to send, by outcome", ["channel", "purpose", "outcome"])
MESSAGES_WAITING = Gauge("tocsin_notify_messages_waiting", "Messages to be sent", ["channel"])
OLDEST_WAITING_SECONDS = Gauge("tocsin_notify_oldest_waiting_seconds", "Age of the oldest message to be sent")
MESSAGES_UNKNOWN = Gauge("tocsin_notify_messages_unknown", "Messages of which nobody knows whether they were sent")
UNROUTED = Counter("tocsin_notify_unrouted_total", "Alert revisions that went to the fallback person only", ["reason"])
HELD = Counter("tocsin_notify_held_total", "Notices that were held back or dropped", ["reason"])
SEND_SECONDS = Histogram(
    "tocsin_notify_send_duration_seconds",
    "Time of one attempt to send",
    ["channel"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
WORDING_FAILURES = Counter("tocsin_notify_wording_failures_total", "Messages that went out in plain words", ["purpose"])
LEASES_LOST = Counter("tocsin_notify_leases_lost_total", "Attempts whose record came too late and was not kept")
PROVISIONING_FAILED = Gauge("tocsin_notify_provisioning_failed", "1 when the provisioning file was not understood")
