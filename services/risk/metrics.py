"""What risk counts for its operators."""

from prometheus_client import Counter, Gauge, Histogram

FACTS_FOLDED = Counter("tocsin_risk_facts_folded_total", "Facts folded into loans, projects and clients")
FACTS_REPEATED = Counter("tocsin_risk_facts_repeated_total", "Facts that the ledger had already")
UNKNOWN_TYPES = Counter("tocsin_risk_unknown_types_total", "Messages of a type that risk does not read, skipped")
SUBJECTS_REFOLDED = Counter("tocsin_risk_subjects_refolded_total", "Subjects folded again from the ledger", ["kind"])
ANOMALIES = Counter("tocsin_risk_anomalies_total", "Facts that contradict what is known of their subject", ["reason"])
EVALUATIONS = Counter("tocsin_risk_evaluations_total", "Evaluations of a book that were committed")
EVALUATION_SECONDS = Histogram(
    "tocsin_risk_evaluation_seconds",
    "Time of one evaluation of one book",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
EVALUATION_RETRIES = Counter("tocsin_risk_evaluation_retries_total", "Evaluations that had to be tried again")
VALUES_PUBLISHED = Counter("tocsin_risk_values_published_total", "Revisions of final values", ["indicator", "cause"])
ALERT_REVISIONS = Counter("tocsin_risk_alert_revisions_total", "Revisions of alerts", ["change", "level"])
REQUESTS = Counter("tocsin_risk_requests_total", "What people asked of alerts, by decision", ["kind", "decision"])
VERDICTS = Counter("tocsin_risk_verdicts_total", "Verdicts on alerts that were accepted", ["verdict"])
GAP_FACTS = Gauge(
    "tocsin_risk_gap_facts",
    "Facts of closed days that are missing, or are there and were not accepted",
    ["book", "kind"],
)
UNANSWERED_REVISIONS = Gauge(
    "tocsin_risk_unanswered_revisions", "Revisions of alerts that have left and that notify has not answered", ["book"]
)
UNANSWERED_SECONDS = Gauge("tocsin_risk_unanswered_oldest_seconds", "Age of the oldest of those", ["book"])
MARKS_TAKEN = Counter("tocsin_risk_marks_taken_total", "Marks that evaluations have looked at")
