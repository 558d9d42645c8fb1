"""The dashboard of the book: each indicator against its levels, alerts, what people said of them, age of the data."""

from tests.support.dashboards import COLOURS, Dashboard, Panel, Row

_AMBER, _RED = COLOURS["amber"], COLOURS["red"]
_DAY_S = 86_400.0
_OF_BOOK = 'book=~"$book"'
_OF_BOTH = 'book=~"$book", indicator=~"$indicator"'

RISK = Dashboard(
    uid="tocsin-risk",
    title="Tocsin: risk",
    span="now-30d",
    variables=(
        ("book", "label_values(tocsin_risk_indicator_value, book)"),
        ("indicator", 'label_values(tocsin_risk_indicator_value{book=~"$book"}, indicator)'),
    ),
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "Open alerts",
                    [(f"sum by (level) (max by (book, level) (tocsin_risk_alerts_open{{{_OF_BOOK}}}))", "{{level}}")],
                    kind="stat",
                    width=6,
                    height=5,
                    colours={"amber": _AMBER, "red": _RED},
                ),
                Panel(
                    "Last closed day ended before",
                    [
                        (
                            f"time() - max by (book) (tocsin_risk_book_closed_timestamp_seconds{{{_OF_BOOK}}})",
                            "{{book}}",
                        )
                    ],
                    unit="s",
                    kind="stat",
                    width=6,
                    height=5,
                    about="Values of later days are provisional.",
                    steps=((2 * _DAY_S, _AMBER), (4 * _DAY_S, _RED)),
                ),
                Panel(
                    "Precision",
                    [
                        (
                            'sum(tocsin_risk_verdicts_total{verdict="true"})'
                            ' / sum(tocsin_risk_verdicts_total{verdict=~"true|false"})',
                            "true of those judged",
                        )
                    ],
                    unit="percentunit",
                    kind="stat",
                    width=6,
                    height=5,
                    about="Of the alerts judged since risk started; by policy version it is read from risk itself.",
                ),
                Panel(
                    "Facts that contradict what is known",
                    [("sum(increase(tocsin_risk_anomalies_total[24h]))", "within a day")],
                    kind="stat",
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            "Indicators against their levels",
            (
                Panel(
                    "$indicator",
                    [
                        (
                            "max by (book, segment, basis, currency, period_kind) "
                            f"(tocsin_risk_indicator_value{{{_OF_BOTH}}})",
                            "{{book}} {{segment}} {{basis}} {{currency}}",
                        ),
                        (
                            "max by (book, basis, segment) "
                            f'(tocsin_risk_indicator_threshold{{{_OF_BOTH}, level="amber"}})',
                            "amber",
                        ),
                        (
                            "max by (book, basis, segment) "
                            f'(tocsin_risk_indicator_threshold{{{_OF_BOTH}, level="red"}})',
                            "red",
                        ),
                    ],
                    unit="percentunit",
                    width=12,
                    height=9,
                    colours={"amber": _AMBER, "red": _RED},
                    repeat="indicator",
                    about="Final values of the segments that the policy watches.",
                ),
                Panel(
                    "Level now",
                    [
                        (
                            "max by (book, indicator, basis, currency, segment) "
                            f"(tocsin_risk_indicator_level{{{_OF_BOTH}}})",
                            "",
                        )
                    ],
                    kind="table",
                    width=24,
                    height=8,
                    mappings={"0": "calm", "1": "amber", "2": "red"},
                    steps=((1, _AMBER), (2, _RED)),
                ),
            ),
        ),
        Row(
            "Alerts and what became of them",
            (
                Panel(
                    "Open alerts over time",
                    [(f"sum by (level) (max by (book, level) (tocsin_risk_alerts_open{{{_OF_BOOK}}}))", "{{level}}")],
                    colours={"amber": _AMBER, "red": _RED},
                ),
                Panel(
                    "Alerts opened, changed, withdrawn, closed",
                    [("sum by (change) (increase(tocsin_risk_alert_revisions_total[1h]))", "{{change}}")],
                    about="Within an hour.",
                ),
                Panel(
                    "Verdicts",
                    [("sum by (verdict) (increase(tocsin_risk_verdicts_total[1d]))", "{{verdict}}")],
                    about="Within a day.",
                ),
                Panel(
                    "Acknowledgements and verdicts asked for",
                    [
                        (
                            "sum by (kind, decision) (increase(tocsin_risk_requests_total[1d]))",
                            "{{kind}} {{decision}}",
                        )
                    ],
                    about="Within a day, by what risk decided.",
                ),
                Panel(
                    "Final values published again",
                    [("sum by (cause) (increase(tocsin_risk_values_published_total[1h]))", "{{cause}}")],
                    about="By cause; a late or corrected fact changes the past.",
                ),
                Panel(
                    "Contradictions by reason",
                    [("sum by (reason) (increase(tocsin_risk_anomalies_total[1h]))", "{{reason}}")],
                ),
            ),
        ),
        Row(
            "What clients and staff said",
            (
                Panel(
                    "Surveys",
                    [
                        ("sum(increase(tocsin_feedback_surveys_invited_total[1d]))", "invited"),
                        ("sum(increase(tocsin_feedback_surveys_answered_total[1d]))", "answered"),
                        ("sum(increase(tocsin_feedback_surveys_skipped_total[1d]))", "skipped"),
                    ],
                    about="Within a day.",
                ),
                Panel(
                    "Surveys skipped",
                    [("sum by (reason) (increase(tocsin_feedback_surveys_skipped_total[1d]))", "{{reason}}")],
                ),
                Panel(
                    "Remarks",
                    [("sum by (kind) (increase(tocsin_feedback_remarks_total[1d]))", "{{kind}}")],
                ),
            ),
        ),
    ),
)
