"""One cause told in words, as an evaluator does it: derive, reconcile, explain, say."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from services.risk.domain.course import derive
from services.risk.domain.explanation import Circumstances, Explanation, Shares, explain, value_before
from services.risk.domain.indicators import INDICATORS
from services.risk.domain.policy import Catalogue, Cause, Direction, PeriodKind, PolicyVersion, rule_named, rules_on
from services.risk.domain.policy_file import parse
from services.risk.domain.rating import Observation
from services.risk.domain.revision import StandingAlert, peak_level, reconcile
from services.risk.domain.sentence import sentence
from shared.kernel.days import month_end, parse_month

DEMO = parse(
    (Path(__file__).parents[2] / "policies" / "demo.yaml").read_text(encoding="utf-8"),
    Catalogue(INDICATORS, ("region", "industry")),
).policy
assert DEMO is not None
HISTORY = [PolicyVersion(DEMO, 1, datetime(2020, 1, 1, tzinfo=UTC))]
MISSED = Cause("auto", "missed_payment_rate", "count", "", PeriodKind.MONTH, "portfolio", Direction.ABOVE)
PAR = Cause("auto", "par30", "exposure", "USD", PeriodKind.MONTH, "portfolio", Direction.ABOVE)
LAST_MONTHS = [
    ("2020-02", 143, 1_725),
    ("2020-03", 191, 1_724),
    ("2020-04", 353, 1_722),
    ("2020-05", 390, 1_703),
    ("2020-06", 311, 1_681),
    ("2020-07", 260, 1_656),
    ("2020-08", 157, 1_635),
]
REGIONS = {
    "TX": Shares(72, 210, 40, 212),
    "CA": Shares(55, 180, 35, 181),
    "FL": Shares(44, 150, 31, 150),
    "NY": Shares(31, 120, 22, 120),
    "OH": Shares(30, 112, 21, 112),
    "GA": Shares(29, 110, 21, 110),
    "PA": Shares(92, 840, 21, 839),
}


def observed(figures: Iterable[tuple[str, int, int]], *, final: bool = True) -> list[Observation]:
    return [
        Observation(
            parse_month(month), month_end(parse_month(month)), bad / all_ if all_ else None, bad, all_, all_, final
        )
        for month, bad, all_ in figures
    ]


PLAIN = Circumstances(title="Missed payments")


class Telling:
    """What an evaluator does with one cause: derive, reconcile, explain, say."""

    def __init__(self, cause: Cause = MISSED, history: list[PolicyVersion] | None = None) -> None:
        self.cause = cause
        self.history = history or HISTORY
        self.standing: list[StandingAlert] = []
        self.explained: list[Explanation] = []

    def tell(
        self,
        observations: list[Observation],
        circumstances: Circumstances = PLAIN,
        while_open: bool = False,
        language: str = "en",
    ) -> list[str]:
        """Return the sentences of what the observations change."""
        course = derive(observations, rules_on(self.history, self.cause, "USD"), while_open=while_open)
        done = reconcile(self.cause, self.standing, course)
        changed = {alert.id for alert in done.alerts}
        self.standing = [alert for alert in self.standing if alert.id not in changed] + list(done.alerts)
        said = []
        for change in done.changes:
            rule = rule_named(self.history, change.lead.policy, change.lead.version, change.lead.rule)
            alert = next(one for one in done.alerts if one.id == change.alert)
            known = msgspec.structs.replace(
                circumstances,
                before=value_before(observations, change.period),
                peak_level=peak_level(alert, change.period),
                observations=observations,
                rated=course.rated,
            )
            explanation = explain(self.cause, change, rule, known)
            assert json.loads(json.dumps(explanation.as_data())) == explanation.as_data()
            self.explained.append(explanation)
            said.append(sentence(explanation, language))
        return said
