"""The dashboard of the operators: what runs, what flows, what waits, what fails, how long it takes."""

from tests.support.dashboards import COLOURS, Dashboard, Panel, Row

_AMBER, _RED = COLOURS["amber"], COLOURS["red"]
_EVERY = "[$__rate_interval]"


def _quantile(share: float, histogram: str, by: str) -> str:
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({histogram}_bucket{_EVERY})))"


_STATE = Row(
    "State",
    (
        Panel("Replicas", [("count by (job) (up == 1)", "{{job}}")], kind="stat", width=8, height=5),
        Panel(
            "Components that are not ready",
            [("count(tocsin_ready == 0) or vector(0)", "not ready")],
            kind="stat",
            width=4,
            height=5,
            steps=((1, _RED),),
        ),
        Panel("Alarms", [('ALERTS{alertstate="firing"}', "")], kind="table", width=8, height=5),
        Panel("Builds", [("count by (version) (tocsin_build_info)", "{{version}}")], kind="stat", width=4, height=5),
    ),
)

_FLOW = Row(
    "Flow: from a fact to a message",
    (
        Panel(
            "Facts received",
            [(f"sum by (outcome) (rate(tocsin_intake_facts_total{_EVERY}))", "{{outcome}}")],
            unit="cps",
        ),
        Panel(
            "Facts folded, books evaluated",
            [
                (f"sum(rate(tocsin_risk_facts_folded_total{_EVERY}))", "folded"),
                (f"sum(rate(tocsin_risk_evaluations_total{_EVERY}))", "evaluations"),
            ],
            unit="cps",
        ),
        Panel(
            "Alerts",
            [("sum by (change) (increase(tocsin_risk_alert_revisions_total[1h]))", "{{change}}")],
            about="Within an hour.",
        ),
        Panel(
            "Messages",
            [("sum by (channel, outcome) (increase(tocsin_notify_messages_total[1h]))", "{{channel}} {{outcome}}")],
            about="Within an hour.",
        ),
        Panel(
            "Records digested",
            [(f"sum by (service, topic) (rate(tocsin_consumer_records_total{_EVERY}))", "{{service}} {{topic}}")],
            unit="cps",
        ),
        Panel(
            "Events handed to Kafka",
            [(f"sum by (service, topic) (rate(tocsin_relay_sent_total{_EVERY}))", "{{service}} {{topic}}")],
            unit="cps",
        ),
    ),
)

_WAITING = Row(
    "What waits",
    (
        Panel(
            "Lag in time",
            [("max by (service, topic) (tocsin_consumer_lag_seconds)", "{{service}} {{topic}}")],
            unit="s",
            about="Age of the oldest record not yet digested.",
        ),
        Panel(
            "Lag in records",
            [
                (
                    "sum by (service, topic) (max by (service, topic, partition) (tocsin_consumer_lag_records))",
                    "{{service}} {{topic}}",
                )
            ],
        ),
        Panel(
            "Outbox: age of the oldest",
            [("max by (service) (tocsin_outbox_age_seconds)", "{{service}}")],
            unit="s",
        ),
        Panel("Outbox: rows", [("max by (service) (tocsin_outbox_rows)", "{{service}}")]),
        Panel(
            "Facts that services disagree on",
            [("max by (book, kind) (tocsin_risk_gap_facts)", "{{book}} {{kind}}")],
            about="Of closed days, no dead letter explaining it; `tocsin reconcile` names them.",
        ),
        Panel(
            "Alerts that notify has not taken up: the oldest",
            [("max by (book) (tocsin_risk_unanswered_oldest_seconds)", "{{book}}")],
            unit="s",
        ),
        Panel("Working days overdue", [("max by (book) (tocsin_risk_book_overdue_days)", "{{book}}")]),
        Panel("Quarantine: facts", [("max by (state) (tocsin_intake_quarantine_facts)", "{{state}}")]),
        Panel(
            "Quarantine: age of the oldest",
            [("max by (state) (tocsin_intake_quarantine_oldest_seconds)", "{{state}}")],
            unit="s",
        ),
        Panel(
            "Messages waiting",
            [("max by (channel) (tocsin_notify_messages_waiting)", "{{channel}}")],
        ),
        Panel(
            "Messages: the oldest that is due; those of unknown fate",
            [
                ("max(tocsin_notify_oldest_waiting_seconds)", "seconds waited"),
                ("max(tocsin_notify_messages_unknown)", "unknown"),
            ],
        ),
    ),
)

_WRONG = Row(
    "What fails",
    (
        Panel(
            "Server errors",
            [
                (
                    f'sum by (service, status) (rate(tocsin_http_requests_total{{status=~"5.."}}{_EVERY}))',
                    "{{service}} {{status}}",
                )
            ],
            unit="reqps",
        ),
        Panel(
            "Dead letters",
            [("sum by (service, topic) (tocsin_consumer_dead_letters_total)", "{{service}} {{topic}}")],
            about="Since each process started.",
        ),
        Panel(
            "Facts not accepted, by reason",
            [
                (
                    'sum by (outcome, reason) (increase(tocsin_intake_facts_total{outcome!="accepted"}[1h]))',
                    "{{outcome}} {{reason}}",
                )
            ],
            about="Within an hour.",
        ),
        Panel(
            "Tried again",
            [
                (f"sum by (service, topic) (rate(tocsin_consumer_retries_total{_EVERY}))", "{{service}} {{topic}}"),
                (f"sum by (service, topic) (rate(tocsin_relay_failures_total{_EVERY}))", "sending {{service}}"),
                (f"sum by (service, topic) (rate(tocsin_consumer_fenced_total{_EVERY}))", "fenced {{service}}"),
                (f"sum(rate(tocsin_risk_evaluation_retries_total{_EVERY}))", "evaluations"),
            ],
            unit="cps",
        ),
        Panel(
            "Notices held back",
            [
                ("sum by (reason) (increase(tocsin_notify_held_total[1h]))", "{{reason}}"),
                ("sum(increase(tocsin_notify_unrouted_total[1h]))", "routed to nobody"),
            ],
            about="Within an hour.",
        ),
        Panel(
            "Messages that failed",
            [('sum by (channel) (increase(tocsin_notify_messages_total{outcome="failed"}[1h]))', "{{channel}}")],
            about="Within an hour.",
        ),
    ),
)

_TIME = Row(
    "How long it takes",
    (
        Panel(
            "Answers over HTTP, 99 of 100",
            [(_quantile(0.99, "tocsin_http_request_duration_seconds", "service"), "{{service}}")],
            unit="s",
        ),
        Panel(
            "Requests",
            [(f"sum by (service) (rate(tocsin_http_requests_total{_EVERY}))", "{{service}}")],
            unit="reqps",
        ),
        Panel(
            "One batch, 99 of 100",
            [(_quantile(0.99, "tocsin_consumer_batch_duration_seconds", "service, topic"), "{{service}} {{topic}}")],
            unit="s",
        ),
        Panel(
            "One evaluation, 99 of 100",
            [(_quantile(0.99, "tocsin_risk_evaluation_seconds", "job"), "{{job}}")],
            unit="s",
        ),
        Panel(
            "One sending, 95 of 100",
            [(_quantile(0.95, "tocsin_notify_send_duration_seconds", "channel"), "{{channel}}")],
            unit="s",
        ),
        Panel(
            "Records in a batch",
            [(_quantile(0.5, "tocsin_consumer_batch_records", "service, topic"), "{{service}} {{topic}}")],
        ),
    ),
)

_MACHINE = Row(
    "Processes and machine",
    (
        Panel(
            "Memory",
            [('process_resident_memory_bytes{job!~"node|prometheus"}', "{{job}} {{instance}}")],
            unit="bytes",
        ),
        Panel(
            "Processor",
            [(f'rate(process_cpu_seconds_total{{job!~"node|prometheus"}}{_EVERY})', "{{job}} {{instance}}")],
            unit="percentunit",
        ),
        Panel(
            "Disk free",
            [
                (
                    'node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"}'
                    ' / node_filesystem_size_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"}',
                    "{{mountpoint}}",
                )
            ],
            unit="percentunit",
        ),
    ),
)

OPERATORS = Dashboard(
    uid="tocsin-operators",
    title="Tocsin: operators",
    rows=(_STATE, _FLOW, _WAITING, _WRONG, _TIME, _MACHINE),
)
