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
from services.risk.domain.loan_state import LoanState, Status
from services.risk.domain.moments import micros_of
from services.risk.handlers.translate import Told, client_facts, loan_facts
from shared.kernel.days import Day, Month, day_of, month_of

CURRENCY = "USD"
TERMS = BookTerms(
    book=BOOK,
    base_currency=CURRENCY,
    calendar="EVERY_DAY",
    first_day=day_of(date(2024, 1, 1)),
    dpd_offset=0,
    tolerance_minor={},
    segment_attributes=("region",),
)


class Stand(NamedTuple):
    """Where a loan stands after its last fact; the fields are the columns of the peers' table."""

    client: str
    status: str
    started: Day
    ended: Day | None
    principal: int
    paid: int
    covered: int
    oldest_due: Day | None
    """Due day of the first uncovered instalment, None once the loan has ended."""


class Truth(NamedTuple):
    """What the facts come to."""

    cells: Cells
    loans: dict[str, Stand]


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
        assert folded.state is not None, "every loan of the mix begins"
        truth.loans[f"l{client[1:]}"] = _stand_of(client, folded.state)
    return truth


def _stand_of(client: str, state: LoanState) -> Stand:
    return Stand(
        client,
        state.status.value,
        state.start_day,
        state.end_day or None,
        state.principal_minor,
        state.paid_minor,
        state.covered,
        state.oldest_due if state.status is Status.ACTIVE else None,
    )


def joined(parts: Iterable[Truth]) -> Truth:
    """Return the sum of parts."""
    whole = Truth({}, {})
    for part in parts:
        add(whole.cells, part.cells)
        whole.loans.update(part.loans)
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
    """Return how far risk has each loan covered."""
    return {row["loan"]: row["oldest_due"] for row in rows_of(dsn, "SELECT loan, oldest_due FROM loan")}


def check_cells(cells: Cells, true: Cells, whose: str) -> None:
    """Raise when counters are not what they must come to."""
    if cells != true:
        wrong = {key for key in cells.keys() | true.keys() if cells.get(key) != true.get(key)}
        raise AssertionError(f"{whose}: {len(wrong)} cells are not the slow truth, as {sorted(wrong)[:3]}")


def by_segment_and_month(cells: Cells) -> dict[tuple[str, str, Month], int]:
    """Return the sums of each (segment, measure, month) that are not 0."""
    found: defaultdict[tuple[str, str, Month], int] = defaultdict(int)
    for (segment, _, measure, day), value in cells.items():
        found[segment, measure, month_of(day)] += value
    return {key: value for key, value in found.items() if value}


def by_region_and_month(cells: Cells, measures: tuple[str, str]) -> dict[tuple[str, Month], list[int]]:
    """Return two measures by region and month."""
    found: dict[tuple[str, Month], list[int]] = {}
    for (segment, _, measure, day), value in cells.items():
        if measure in measures and segment.startswith("region="):
            pair = found.setdefault((segment.removeprefix("region="), month_of(day)), [0, 0])
            pair[measures.index(measure)] += value
    return found
