"""The report as one HTML file: alerts, charts and sentences, what was not taken, and where the data comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from tocsin.profiles.base import Reject
from tocsin.report.answers import SYNTHETIC, Arrived
from tocsin.report.view import Alerting


@dataclass(frozen=True)
class BookRun:
    """What the replay of one tape came to."""

    book: str
    profile: str
    facts: int
    outcomes: dict[str, int]
    seconds_s: float
    first_day: str
    closed_through: str
    rejects: Sequence[Reject]
    quarantined: Sequence[tuple[str, str, str]]
    """Fact, reason, detail."""
    source: Sequence[str]
    """Title and paragraphs of the note that lies beside the tape."""

    @property
    def rejected(self) -> list[tuple[str, str, int, int]]:
        """Return the rejects by column and reason: column, reason, how many, first row."""
        groups: dict[tuple[str, str], list[int]] = {}
        for reject in self.rejects:
            groups.setdefault((reject.column, reject.reason), []).append(reject.row)
        return [(column, reason, len(rows), min(rows)) for (column, reason), rows in groups.items()]


def render(alerting: Alerting, runs: Sequence[BookRun], arrived: Arrived, version: str) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("tocsin.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["thousands"] = lambda number: f"{number:,}"
    page = environment.get_template("report.html.j2").render(
        alerting=alerting,
        runs=runs,
        arrived=arrived,
        synthetic=SYNTHETIC,
        version=version,
        facts=sum(run.facts for run in runs),
        seconds_s=sum(run.seconds_s for run in runs),
        rejects=sum(len(run.rejects) for run in runs),
        quarantined=sum(len(run.quarantined) for run in runs),
    )
    # No line may break between a figure and its sign.
    return page.replace(" %", "\u00a0%")
