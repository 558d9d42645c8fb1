"""Surveys: who was asked, who was not and why, what was answered, what the answers come to."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from services.feedback.api.edge import HASH_PATTERN, ID_PATTERN, AnyBook, Front
from services.feedback.domain.occasion import Kind, Skipped
from services.feedback.domain.results import NOTHING, Sums
from services.feedback.store import books, remarks, surveys
from services.feedback.store.surveys import State, SurveyRow, Wanted
from shared.kernel.days import Day, Month, date_of, format_month, month_end, month_of, month_start, parse_month
from shared.runtime.edge import (
    NAME_PATTERN,
    READS,
    READS_ONE,
    CursorText,
    Limit,
    Name,
    Number,
    cursor_of,
    invalid,
    missing,
    page_of,
    place_of,
)
from shared.security.rights import requires

MONTHS_SHOWN = 12
MONTHS_MAX = 120
MonthText = Annotated[str, Query(pattern=r"^(19|20|21)\d\d-(0[1-9]|1[0-2])$")]


class SurveyShown(BaseModel):
    """An occasion to ask a client, and what became of it."""

    survey: str
    book: str
    client: str
    occasion: Kind
    loan: str
    value_date: date = Field(description="Business date of the occasion")
    state: State
    reason: Skipped | None = Field(description="Why the client was not asked")
    invited_on: date | None = Field(description="The book's day")
    expires_on: date | None
    expires_at: datetime | None = Field(description="Until when the link works")
    decided_at: datetime | None
    answered_on: date | None = Field(description="The book's day")
    answered_at: datetime | None
    csat: int | None = Field(description="1 to 5")
    nps: int | None = Field(description="0 to 10")


class SurveyTold(SurveyShown):
    """A survey with what the client wrote."""

    text: str


class SurveyPage(BaseModel):
    """Surveys by the day of their occasion."""

    items: list[SurveyShown]
    next: str | None = None


class ResultsShown(BaseModel):
    """What the invitations of one month came to."""

    period: str = Field(description="Month of the invitations on the book's days, YYYY-MM")
    invited: int
    answered: int
    response_rate: float | None
    csat: float | None = Field(description="Share of 4 and 5 among the ratings given")
    csat_mean: float | None
    csat_given: int
    nps: float | None = Field(description="Promoters (9, 10) less detractors (0 to 6), in percent: -100 to 100")
    nps_given: int


class Results(BaseModel):
    """Results by month, and of all months together."""

    book: str
    total: ResultsShown
    periods: list[ResultsShown]


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/surveys`."""
    _add_list(router, front)
    _add_results(router, front)
    _add_one(router, front)


def _add_list(router: APIRouter, front: Front) -> None:
    @router.get("/surveys", tags=["surveys"], dependencies=[requires("feedback:read")], responses=READS)
    async def list_surveys(
        book: AnyBook = None,
        client: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
        state: Annotated[State | None, Query(description="Only those that stand so")] = None,
        occasion: Annotated[Kind | None, Query()] = None,
        reason: Annotated[Skipped | None, Query(description="Why a client was not asked")] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> SurveyPage:
        """List every occasion to ask a client by its day: invited, answered, waiting for its day to close, or skipped
        with the reason."""
        wanted = Wanted(book, client, state, occasion, reason)
        after = place_of(cursor, tuple[Number, Name], (0, ""))
        async with front.database.read() as tx:
            found = await surveys.find_surveys(tx, wanted, after, limit + 1)
        page, following = page_of(found, limit, lambda last: cursor_of(last.value_date, last.id))
        return SurveyPage(items=[SurveyShown(**_fields(row)) for row in page], next=following)


def _add_one(router: APIRouter, front: Front) -> None:
    @router.get("/surveys/{id}", tags=["surveys"], dependencies=[requires("feedback:read")], responses=READS_ONE)
    async def get_survey(
        survey: Annotated[str, Path(alias="id", pattern=HASH_PATTERN, description="Id of the survey")],
    ) -> SurveyTold:
        """Show one survey with its answer."""
        async with front.database.read() as tx:
            row = await surveys.survey_with_id(tx, survey)
            text = await remarks.text_of_survey(tx, survey)
        if row is None:
            raise missing("survey", survey)
        return SurveyTold(**_fields(row), text=text)


def _add_results(router: APIRouter, front: Front) -> None:
    @router.get("/surveys/results", tags=["surveys"], dependencies=[requires("feedback:read")], responses=READS_ONE)
    async def get_results(
        book: Annotated[str, Query(pattern=NAME_PATTERN, description="Id of the book")],
        first: Annotated[
            MonthText | None, Query(alias="from", description="First month; absent: eleven before")
        ] = None,
        last: Annotated[MonthText | None, Query(alias="to", description="Last month; absent: the open one")] = None,
    ) -> Results:
        """Return what the invitations of each month came to: response rate, CSAT, NPS."""
        async with front.database.read() as tx:
            open_day = await books.open_day(tx, book)
            if open_day is None:
                raise missing("book", book)
            from_month, to_month = _months(open_day, first, last)
            days = await surveys.sums_by_day(tx, book, month_start(from_month), month_end(to_month))
        by_month: dict[Month, Sums] = {}
        for invited_on, sums in days:
            month = month_of(invited_on)
            by_month[month] = by_month.get(month, NOTHING).plus(sums)
        total = NOTHING
        for sums in by_month.values():
            total = total.plus(sums)
        return Results(
            book=book,
            total=_results(f"{format_month(from_month)}/{format_month(to_month)}", total),
            periods=[_results(format_month(month), sums) for month, sums in sorted(by_month.items())],
        )


def _months(open_day: Day, first: str | None, last: str | None) -> tuple[Month, Month]:
    """Return the months asked for; Problem 422 when they are too many or run backwards."""
    to_month = month_of(open_day) if last is None else parse_month(last)
    from_month = to_month - MONTHS_SHOWN + 1 if first is None else parse_month(first)
    if not 0 <= to_month - from_month < MONTHS_MAX:
        raise invalid("from", f"is not later than `to`, and at most {MONTHS_MAX} months before it")
    return from_month, to_month


def _fields(row: SurveyRow) -> dict[str, Any]:
    dates = ("value_date", "invited_on", "expires_on", "answered_on")
    shown = {name: _date(value) if name in dates else value for name, value in row._asdict().items()}
    return {**shown, "survey": shown["id"], "reason": row.reason or None}


def _date(day: Day | None) -> date | None:
    return None if day is None else date_of(day)


def _results(period: str, sums: Sums) -> ResultsShown:
    return ResultsShown(
        period=period,
        invited=sums.invited,
        answered=sums.answered,
        response_rate=sums.response_rate,
        csat=sums.csat,
        csat_mean=sums.csat_mean,
        csat_given=sums.csat_given,
        nps=sums.nps,
        nps_given=sums.nps_given,
    )
