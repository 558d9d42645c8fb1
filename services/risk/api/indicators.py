"""Indicators: their definitions, and their series as published or as they stand."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from services.risk.api.edge import (
    CURRENCY_PATTERN,
    SEGMENT_PATTERN,
    AsOf,
    BookQuery,
    Front,
    KnownAt,
    book_of,
    day_asked,
    known_at_us,
)
from services.risk.domain.book import BookTerms
from services.risk.domain.indicators import INDICATORS, Indicator
from services.risk.domain.moments import moment_of
from services.risk.domain.policy import PeriodKind
from services.risk.domain.segments import PORTFOLIO
from services.risk.evaluation.reading import Asked, Point, read_series
from services.risk.handlers.degraded import degraded_of
from services.risk.store.series import SeriesKey
from shared.kernel.days import Day, date_of, day_of, month_end, month_of
from shared.runtime.edge import (
    NAME_PATTERN,
    READS,
    READS_ONE,
    CursorText,
    Limit,
    Name,
    cursor_of,
    invalid,
    missing,
    place_of,
)
from shared.security.rights import requires

PERIOD_PATTERN = r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?$"
Basis = Literal["count", "exposure"]
Kind = Literal["month", "day"]
Segment = Annotated[str, Query(pattern=SEGMENT_PATTERN, description="`portfolio` or attribute=value")]
IndicatorName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of the indicator")]


class IndicatorShown(BaseModel):
    """What an indicator is."""

    name: str
    title: str
    definition: str
    bases: list[Basis] = Field(description="The first is meant when none is asked for")
    numerator: dict[str, str] = Field(description="Measure by basis")
    denominator: dict[str, str]
    parts: dict[str, dict[str, str]]
    sample: str = Field(description="The measure that counts the loans or projects of the denominator")
    maturity: Literal["at_once", "at_period_end"]
    period_kinds: list[Kind]
    window: str = Field(description="What a period's flows are counted over")
    unit: Literal["fraction"] = "fraction"
    good: str
    version: int = Field(description="Of the definition")


class IndicatorPage(BaseModel):
    """Indicators in the order of the handbook."""

    items: list[IndicatorShown]
    next: str | None = None


class PointShown(BaseModel):
    """The value of one period."""

    period: str
    value: float | None = Field(description="Fraction; null when the denominator is 0")
    numerator: int = Field(description="Count, or minor units on the basis of exposure")
    denominator: int
    final: bool
    sample: int
    parts: dict[str, int]
    as_of: date
    known_from: datetime | None = Field(description="Since when this revision could be known; null: not published")
    revision: int = Field(description="0: not published, read from the counters now")
    cause: str
    data_age_days: int = Field(description="From the latest fact to `as_of`")


class SeriesShown(BaseModel):
    """A series by rising period."""

    book: str
    indicator: str
    segment: str
    basis: Basis
    currency: str | None
    period_kind: Kind
    unit: Literal["fraction"] = "fraction"
    definition_version: int
    degraded: bool = Field(
        description="A message about a client of this segment could not be digested: figures may lack it"
    )
    series: list[PointShown]


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/indicators`."""
    _add_list(router)
    _add_one(router)
    _add_series(router, front)


def _check_segment(segment: str, terms: BookTerms) -> None:
    """Refuse what no loan or project can ever count in; a value that nobody has yet is only empty."""
    attribute, _, value = segment.partition("=")
    if segment != PORTFOLIO and not (value and attribute in terms.segment_attributes):
        choices = (PORTFOLIO, *(f"{name}=..." for name in terms.segment_attributes))
        raise invalid("segment", f"can only be {' or '.join(choices)} in book {terms.book}")


def _add_list(router: APIRouter) -> None:
    @router.get("/indicators", tags=["indicators"], dependencies=[requires("risk:read")], responses=READS)
    async def list_indicators(
        cursor: CursorText = None, limit: Limit = 100, as_of: AsOf = None, known_at: KnownAt = None
    ) -> IndicatorPage:
        """List the definitions. They belong to the release: the same on every day."""
        (after,) = place_of(cursor, tuple[Name], ("",))
        names = list(INDICATORS)
        begin = names.index(after) + 1 if after in names else 0
        page = names[begin : begin + limit]
        following = cursor_of(page[-1]) if begin + limit < len(names) else None
        return IndicatorPage(items=[_shown(INDICATORS[name]) for name in page], next=following)


def _add_one(router: APIRouter) -> None:
    @router.get("/indicators/{name}", tags=["indicators"], dependencies=[requires("risk:read")], responses=READS_ONE)
    async def get_indicator(name: IndicatorName) -> IndicatorShown:
        """Show one definition."""
        return _shown(_indicator(name))


def _add_series(router: APIRouter, front: Front) -> None:
    @router.get(
        "/indicators/{name}/series", tags=["indicators"], dependencies=[requires("risk:read")], responses=READS_ONE
    )
    async def get_series(
        name: IndicatorName,
        book: BookQuery,
        segment: Annotated[
            str, Query(pattern=SEGMENT_PATTERN, description="`portfolio` or attribute=value")
        ] = PORTFOLIO,
        basis: Annotated[Basis | None, Query()] = None,
        currency: Annotated[str | None, Query(pattern=CURRENCY_PATTERN)] = None,
        period_kind: Annotated[Kind, Query()] = "month",
        first: Annotated[
            str | None,
            Query(alias="from", pattern=PERIOD_PATTERN, description="First period; absent: the book's first"),
        ] = None,
        last: Annotated[
            str | None, Query(alias="to", pattern=PERIOD_PATTERN, description="Last period; absent: the open one")
        ] = None,
        as_of: AsOf = None,
        known_at: KnownAt = None,
    ) -> SeriesShown:
        """Show a series from the book's first period to the open one (at most 400 daily periods).

        Final periods as published; `known_at` gives them as they were known then, and no others. Periods that are not
        final are read from the counters now: the count so far. `as_of` ends the series at that day.
        """
        indicator = _indicator(name)
        chosen = basis or indicator.bases[0]
        if chosen not in indicator.bases:
            raise invalid("basis", f"can only be {' or '.join(indicator.bases)} for {name}")
        if period_kind not in indicator.period_kinds:
            raise invalid("period_kind", f"can only be {' or '.join(indicator.period_kinds)} for {name}")
        async with front.database.read() as tx:
            terms = (await book_of(tx, book)).terms
            _check_segment(segment, terms)
            key = SeriesKey(name, chosen, currency or _currency(chosen, terms.base_currency), period_kind, segment)
            asked = Asked(
                terms,
                key,
                _first_day(first),
                min(_last_day(last), day_asked(as_of)),
                as_of is not None,
                None if known_at is None else known_at_us(known_at),
            )
            points = await read_series(tx, asked)
            degraded = await degraded_of(tx, book)
        return SeriesShown(
            book=book,
            indicator=name,
            segment=segment,
            basis=chosen,
            currency=key.currency or None,
            period_kind=period_kind,
            definition_version=indicator.version,
            degraded=degraded.touches(segment),
            series=[_point(point, PeriodKind(period_kind)) for point in points],
        )


def _indicator(name: str) -> Indicator:
    if name not in INDICATORS:
        raise missing("indicator", name)
    return INDICATORS[name]


def _currency(basis: str, base_currency: str) -> str:
    return "" if basis == "count" else base_currency


def _first_day(period: str | None) -> Day:
    return 1 if period is None else _parts(period)[0]


def _last_day(period: str | None) -> Day:
    return day_asked(None) if period is None else _parts(period)[1]


def _parts(period: str) -> tuple[Day, Day]:
    """Return the first and last day of a period; a day beyond its month's last is the last."""
    start = day_of(date(int(period[:4]), int(period[5:7]), 1))
    end = month_end(month_of(start))
    if len(period) == 7:
        return start, end
    day = min(start + int(period[8:]) - 1, end)
    return day, day


def _shown(indicator: Indicator) -> IndicatorShown:
    return IndicatorShown(
        name=indicator.name,
        title=indicator.title,
        definition=indicator.definition,
        bases=list(indicator.bases),
        numerator=indicator.numerator,
        denominator=indicator.denominator,
        parts=indicator.parts,
        sample=indicator.sample,
        maturity=indicator.maturity.value,
        period_kinds=list(indicator.period_kinds),
        window="calendar month, or the close of a day" if "day" in indicator.period_kinds else "calendar month",
        good=indicator.good,
        version=indicator.version,
    )


def _point(point: Point, kind: PeriodKind) -> PointShown:
    return PointShown(
        period=kind.text(point.period),
        value=point.value,
        numerator=point.numerator,
        denominator=point.denominator,
        final=point.final,
        sample=point.sample,
        parts=point.parts,
        as_of=date_of(point.as_of),
        known_from=None if point.known_from_us is None else moment_of(point.known_from_us),
        revision=point.revision,
        cause=point.cause,
        data_age_days=point.data_age_days,
    )
