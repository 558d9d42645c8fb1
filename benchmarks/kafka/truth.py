"""What the counters must come to: every loan folded once from all its facts by the pure definition (D4).

Nothing of the live path is in it: no continuing of states, no batches, no order of arrival, no database.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from benchmarks.kafka.mix import BOOK, envelope_of, told_by_day
from benchmarks.kafka.servers import rows_of
from services.risk.domain import loan
from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Cells, add
from services.risk.domain.client import history_of
from services.risk.domain.loan_state import Status
from services.risk.domain.moments import micros_of
from services.risk.handlers.translate import Told, client_facts, loan_facts
from shared.kernel.days import Day, Month, day_of, month_of

TERMS = BookTerms(
    book=BOOK,
    base_currency="USD",
    calendar="EVERY_DAY",
    first_day=day_of(date(2024, 1, 1)),
    dpd_offset=0,
    tolerance_minor={},
    segment_attributes=("region",),
)


class Truth(NamedTuple):
    """What the facts come to."""

    cells: Cells
    oldest_due: dict[str, Day | None]
    """By loan: due day of the first uncovered instalment, None once it has ended."""


def truth_of(count: int, part: int = 0, parts: int = 1) -> Truth:
    """Return the truth of every `parts`-th client of the mix; the whole is their sum."""
    clients: defaultdict[str, list[Told]] = defaultdict(list)
    loans: defaultdict[str, list[Told]] = defaultdict(list)
    for one in told_by_day(count):
        if int(one.client[1:]) % parts != part:
            continue
        envelope = envelope_of(one)
        assert envelope.known_at is not None
        told = Told(
            envelope.id,
            envelope.type,
            micros_of(envelope.known_at),
            envelope.target,
            one.fact,
            day_of(one.fact.value_date),
        )
        (clients if one.subject == one.client else loans)[one.client].append(told)
    truth = Truth({}, {})
    for client, of_loan in loans.items():
        folded = loan.fold(loan_facts(of_loan), history_of(client_facts(clients[client])).moves, TERMS)
        add(truth.cells, folded.cells)
        state = folded.state
        assert state is not None, "every loan of the mix begins"
        truth.oldest_due[f"l{client[1:]}"] = state.oldest_due if state.status is Status.ACTIVE else None
    return truth


def joined(parts: Iterable[Truth]) -> Truth:
    """Return the sum of parts."""
    whole = Truth({}, {})
    for part in parts:
        add(whole.cells, part.cells)
        whole.oldest_due.update(part.oldest_due)
    return whole


def kept_cells(dsn: str) -> Cells:
    """Return what risk has counted."""
    rows = rows_of(
        dsn,
        "SELECT segment, currency, measure, day, sum(value)::bigint FROM counter JOIN tally ON tally.id = tally "
        "GROUP BY 1, 2, 3, 4 HAVING sum(value) <> 0",
    )
    return {(segment, currency, measure, day): value for segment, currency, measure, day, value in rows}


def kept_oldest_due(dsn: str) -> dict[str, Day | None]:
    """Return how far each loan is covered in a table `loan`: that of risk, or of a peer."""
    return {row["loan"]: row["oldest_due"] for row in rows_of(dsn, "SELECT loan, oldest_due FROM loan")}


def by_region_and_month(cells: Cells, measures: tuple[str, str]) -> dict[tuple[str, Month], list[int]]:
    """Return two measures by region and month: what the peers count, too."""
    found: dict[tuple[str, Month], list[int]] = {}
    for (segment, _, measure, day), value in cells.items():
        if measure in measures and segment.startswith("region="):
            pair = found.setdefault((segment.removeprefix("region="), month_of(day)), [0, 0])
            pair[measures.index(measure)] += value
    return found
