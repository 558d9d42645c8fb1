"""Published indicator values: append-only revisions of final periods (D6)."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, bindparam, select

from services.risk.store.tables import INDICATOR_VALUE
from shared.db.among import among_given
from shared.db.port import Tx
from shared.kernel.days import Day


class SeriesKey(NamedTuple):
    """One series of a book. `currency` is empty where the value sums over all."""

    indicator: str
    basis: str
    currency: str
    period_kind: str
    segment: str


class Published(NamedTuple):
    """One revision of one value; the fields after the key are the columns of the table."""

    key: SeriesKey
    period: int
    """Month or day number."""
    revision: int
    value: float | None
    numerator: int
    denominator: int
    sample: int
    parts: dict[str, int]
    as_of: Day
    known_from: int
    cause: str
    definition_version: int

    def same_figures(self, other: "Published") -> bool:
        """Tell whether nothing but its history differs."""
        return (self.numerator, self.denominator, self.sample, self.parts, self.definition_version) == (
            other.numerator,
            other.denominator,
            other.sample,
            other.parts,
            other.definition_version,
        )


_COLUMNS = tuple(column.name for column in INDICATOR_VALUE.columns)
_T = INDICATOR_VALUE.c
_PARTS = msgspec.json.Decoder(dict[str, int])
_IN_PERIODS = (
    select(INDICATOR_VALUE)
    .where(
        _T.book == bindparam("of"),
        among_given(_T.indicator, "indicators"),
        among_given(_T.segment, "segments"),
        _T.period_kind == bindparam("kind"),
        _T.period >= bindparam("first"),
        _T.period <= bindparam("last"),
    )
    .order_by(_T.indicator, _T.basis, _T.currency, _T.segment, _T.period, _T.revision)
)


async def add_values(tx: Tx, book: str, values: Sequence[Published]) -> None:
    """Write new revisions."""
    rows = [
        (
            book,
            one.key.indicator,
            one.key.basis,
            one.key.currency,
            one.key.period_kind,
            one.key.segment,
            one.period,
            one.revision,
            one.value,
            one.numerator,
            one.denominator,
            one.sample,
            msgspec.json.encode(one.parts).decode(),
            one.as_of,
            one.known_from,
            one.cause,
            one.definition_version,
        )
        for one in values
    ]
    if rows:
        await tx.insert(INDICATOR_VALUE, _COLUMNS, rows)


async def latest_values(
    tx: Tx, book: str, indicators: Iterable[str], segments: Iterable[str], kind: str, periods: tuple[int, int]
) -> dict[SeriesKey, dict[int, Published]]:
    """Return the last revision of each value of these indicators and segments, in a range of periods."""
    wanted = {
        "of": book,
        "indicators": list(indicators),
        "segments": list(segments),
        "kind": kind,
        "first": periods[0],
        "last": periods[1],
    }
    found: dict[SeriesKey, dict[int, Published]] = {}
    for row in await tx.rows(_IN_PERIODS, wanted):
        one = _published(row)
        found.setdefault(one.key, {})[one.period] = one
    return found


async def series_of(
    tx: Tx, book: str, key: SeriesKey, periods: tuple[int, int], known_at_us: int
) -> dict[int, Published]:
    """Return the values of one series as they were known at a moment, by period."""
    rows = await tx.rows(
        select(INDICATOR_VALUE)
        .where(
            _T.book == book,
            _T.indicator == key.indicator,
            _T.basis == key.basis,
            _T.currency == key.currency,
            _T.period_kind == key.period_kind,
            _T.segment == key.segment,
            _T.period >= periods[0],
            _T.period <= periods[1],
            _T.known_from <= known_at_us,
        )
        .order_by(_T.period, _T.revision)
    )
    return {row.period: _published(row) for row in rows}


def _published(row: Row[Any]) -> Published:
    return Published(
        SeriesKey(row.indicator, row.basis, row.currency, row.period_kind, row.segment),
        row.period,
        row.revision,
        row.value,
        row.numerator,
        row.denominator,
        row.sample,
        _PARTS.decode(row.parts),
        row.as_of,
        row.known_from,
        row.cause,
        row.definition_version,
    )
