"""Books: open one, close its days (D2, D3)."""

from datetime import date, datetime
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy import Row

from services.intake.domain.books import check_book, judge_close
from services.intake.domain.findings import Finding, moment_problem
from services.intake.domain.reading import microseconds, moment_of, name_of
from services.intake.handlers.accept import release
from services.intake.handlers.desk import Desk
from services.intake.handlers.explaining import explain_json
from services.intake.handlers.facts_in import WRONG
from services.intake.handlers.passing_on import tell_all_lanes
from services.intake.store import books, registry, tallies
from shared.db.port import Tx
from shared.events.facts import ATTRIBUTES
from shared.events.intake import BookDayClosed, BookOpened
from shared.kernel.days import date_of, day_of
from shared.kernel.ids import digest_of, hashed_id
from shared.kernel.tally import Tally


class OpenBook(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """What opens a book: the fields of BookOpened, with `known_at` = now when absent."""

    book: str
    base_currency: str
    time_zone: str
    calendar: str
    first_day: date
    known_at: datetime | None = None
    dpd_offset: int = 0
    tolerance: dict[str, str] = {}
    segment_attributes: list[str] = []


class CloseDay(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """What closes a business day of a book, and all open days before it."""

    day: date
    known_at: datetime | None = None


class Opened(NamedTuple):
    """What became of opening a book."""

    outcome: Literal["opened", "same", "different"]
    row: Row[object]


class Closed(NamedTuple):
    """What became of closing a day."""

    outcome: Literal["closed", "none", "refused", "unknown_book"]
    findings: tuple[Finding, ...] = ()


_decode_book = msgspec.json.Decoder(OpenBook).decode
_decode_close = msgspec.json.Decoder(CloseDay).decode
_encode = msgspec.json.Encoder(order="sorted").encode


def read_book(body: bytes, now: datetime) -> OpenBook | tuple[Finding, ...]:
    """Return the terms of a book to open, or everything that is wrong with them."""
    terms: object
    found: list[Finding] = []
    try:
        terms = _decode_book(body)
    except WRONG as error:
        terms, found = explain_json(body, OpenBook, str(error))
    if terms is not None:
        found += check_book(terms, ATTRIBUTES, now)
    return terms if isinstance(terms, OpenBook) and not found else tuple(found)


def read_close(body: bytes, now: datetime) -> CloseDay | tuple[Finding, ...]:
    """Return the day to close, or everything that is wrong with it."""
    try:
        asked = _decode_close(body)
    except WRONG as error:
        return tuple(explain_json(body, CloseDay, str(error))[1])
    if asked.known_at is not None and (problem := moment_problem(asked.known_at, now)):
        return (Finding("/known_at", problem),)
    return asked


async def open_book(tx: Tx, desk: Desk, terms: OpenBook, now: datetime) -> Opened:
    """Open a book and tell every lane; facts that waited for it go on. The same again has no effect."""
    await desk.fix_lanes(tx)
    name = name_of("book", terms.book)
    await registry.hold_places(tx, [name])
    await registry.lock(tx, [name])
    digest = _digest(terms)
    before = await books.find(tx, terms.book)
    if before is not None:
        return Opened("same" if before.digest == digest else "different", before)
    known_at = terms.known_at or now
    await books.add(
        tx,
        {
            "book": terms.book,
            "base_currency": terms.base_currency,
            "time_zone": terms.time_zone,
            "calendar": terms.calendar,
            "first_day": day_of(terms.first_day),
            "known_at": microseconds(known_at),
            "dpd_offset": terms.dpd_offset,
            "tolerance": terms.tolerance,
            "segment_attributes": terms.segment_attributes,
            "digest": digest,
            "closed_through": None,
            "counted": True,
        },
    )
    await registry.register(tx, [(name, "", terms.base_currency, "")])
    message = BookOpened(
        book=terms.book,
        base_currency=terms.base_currency,
        time_zone=terms.time_zone,
        calendar=terms.calendar,
        first_day=terms.first_day,
        known_at=known_at,
        dpd_offset=terms.dpd_offset,
        tolerance=terms.tolerance,
        segment_attributes=terms.segment_attributes,
    )
    await tell_all_lanes(tx, desk, hashed_id("book", terms.book), terms.book, lambda _lane: message)
    await release(tx, desk, [name], now)
    row = await books.find(tx, terms.book)
    assert row is not None, "it was added just before"
    return Opened("opened", row)


async def close_day(tx: Tx, desk: Desk, book: str, asked: CloseDay, now: datetime) -> Closed:
    """Close a day and all open days before it: one message per lane, behind all facts that came before (D3).

    It carries how many facts that were, so that whoever comes to it knows whether it has them all.
    """
    await desk.fix_lanes(tx)
    row = await books.hold(tx, book)
    if row is None:
        return Closed("unknown_book")
    known_at = asked.known_at or now
    verdict = judge_close(asked.day, row.first_day, row.closed_through, row.time_zone, known_at)
    if verdict.effect == "refused":
        return Closed("refused", verdict.findings)
    if verdict.effect == "none":
        return Closed("none")
    day = day_of(asked.day)
    since = books.open_day(row)
    accepted = await tallies.by_lane(tx, book, since)
    await books.close(tx, book, day, microseconds(known_at), microseconds(now))

    def message_for(lane: int) -> BookDayClosed:
        whole = BookDayClosed(book=book, day=asked.day, known_at=known_at, since=date_of(since))
        if not row.counted:
            return whole
        tally = accepted.get(lane, Tally())
        return msgspec.structs.replace(whole, accepted=tally.facts, accepted_digest=tally.digest)

    await tell_all_lanes(tx, desk, hashed_id("close", book, day), book, message_for)
    return Closed("closed")


def described(row: Row[object]) -> dict[str, object]:
    """Return a book as callers read it."""
    book = row._mapping
    through = book["closed_through"]
    return {
        "book": book["book"],
        "base_currency": book["base_currency"],
        "time_zone": book["time_zone"],
        "calendar": book["calendar"],
        "first_day": date_of(book["first_day"]).isoformat(),
        "known_at": moment_of(book["known_at"]).isoformat(),
        "dpd_offset": book["dpd_offset"],
        "tolerance": book["tolerance"],
        "segment_attributes": book["segment_attributes"],
        "closed_through": None if through is None else date_of(through).isoformat(),
    }


def _digest(terms: OpenBook) -> str:
    """Return what tells the same terms from others; when they became known does not matter."""
    return digest_of(_encode(msgspec.structs.replace(terms, known_at=None)))
