"""Replays a tape: opens its book, sends its facts month by month as if time passed, and closes the days as it goes.

Facts are idempotent by id, so sending one again changes nothing; what makes a second run short is a small note of the
last month that this tape has finished on this system. The note is believed only when the system still has the first
and the last fact of that stretch and its book is closed that far.
"""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from shared.kernel.days import Day, format_day, format_month, month_end, month_of, month_start, parse_day, parse_month
from shared.kernel.ids import hashed_id
from tocsin.client import Client, Json, NoSystem
from tocsin.profiles.base import Profile, Tape, TapeFact, source_of
from tocsin.sending import Account, send_facts

EVALUATION_PATIENCE_S = 300.0
_POLL_S = 0.02
_CHUNK_BYTES = 1 << 20


class Closing(StrEnum):
    """How often a replay closes the book."""

    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True)
class Hooks:
    """Who wants to hear how far a replay is."""

    month: Callable[[str], None] = lambda _: None
    facts: Callable[[int], None] = lambda _: None
    closed: Callable[[Day], None] = lambda _: None


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """How far a tape has been replayed into a book of a system."""

    through: str
    """Last finished month, `YYYY-MM`."""
    closing: str


class Replay:
    """One tape into one book of one system."""

    def __init__(
        self, client: Client, profile: Profile, files: Sequence[Path], book: str, tape: Tape, notes: Path
    ) -> None:
        """`notes` is the folder in which replays note how far they came."""
        self._client, self._profile, self._book, self._tape = client, profile, book, tape
        digest = hashed_id(profile.name, client.address.url, book, *(_digest(path) for path in files))
        self._note_path = notes / f"{digest}.json"
        self.account = Account()

    def run(self, closing: Closing, hooks: Hooks) -> Account:
        """Replay; what was done before is skipped. Refused, NoSystem."""
        state = self._open_book()
        closed_through = parse_day(state["closed_through"]) if state.get("closed_through") else 0
        done = self._believed(closing, closed_through)
        first_month = month_of(parse_day(state["first_day"]))
        by_month = _by_month(self._tape.facts)
        last_month = month_of(self._tape.last_day) if self._tape.last_day else first_month - 1
        last_month = max([last_month, *by_month])
        for month in range(min([first_month, *by_month]), last_month + 1):
            facts = by_month.get(month, [])
            if month <= done:
                self.account.skipped += len(facts)
                hooks.facts(len(facts))
                continue
            hooks.month(format_month(month))
            for part, close_day in _steps(facts, month, closing):
                send_facts(self._client, part, self.account, hooks.facts)
                if close_day > closed_through and close_day <= month_end(month_of(self._tape.last_day)):
                    self._close(close_day)
                    closed_through = close_day
                    hooks.closed(close_day)
            self._note(Note(through=format_month(month), closing=closing))
        return self.account

    def _open_book(self) -> Json:
        state = self._client.find(f"/intake/v1/books/{self._book}")
        if state is None:
            self._client.post("/intake/v1/books", self._profile.opening(self._book))
            state = self._client.get(f"/intake/v1/books/{self._book}")
        return state

    def _close(self, day: Day) -> None:
        text = format_day(day)
        body = {"day": text, "known_at": f"{text}T23:59:59Z"}
        self._client.post(f"/intake/v1/books/{self._book}/closes", body)
        self.account.closes += 1

    def _believed(self, closing: Closing, closed_through: Day) -> int:
        """Return the last month that need not be sent again, 0 when there is none."""
        try:
            note = msgspec.json.decode(self._note_path.read_bytes(), type=Note)
            through = parse_month(note.through)
        except (OSError, ValueError):
            return 0
        done = [fact for fact in self._tape.facts if month_of(fact.day) <= through]
        if note.closing != closing or closed_through < min(month_end(through), self._tape.last_day) or not done:
            return 0
        for fact in (done[0], done[-1]):
            if self._client.find(f"/intake/v1/facts/{fact.id}", source=source_of(self._profile, self._book)) is None:
                return 0
        return through

    def _note(self, note: Note) -> None:
        self._note_path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._note_path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(note))
        fresh.replace(self._note_path)


def wait_until_evaluated(client: Client, book: str, patience_s: float = EVALUATION_PATIENCE_S) -> Json:
    """Wait until risk has folded and rated all that intake has taken for this book; NoSystem when it takes too long."""
    deadline = time.monotonic() + patience_s
    closed = client.get(f"/intake/v1/books/{book}").get("closed_through")
    while True:
        # In this order: what intake has passed on before risk is asked cannot be missing from what risk counts.
        unsent = client.get("/intake/v1/progress")["unsent"]
        progress = client.find("/risk/v1/progress", book=book) or {}
        evaluated = progress.get("behind") == 0 and (progress.get("evaluated_through") or "") >= (closed or "")
        if evaluated and not unsent:
            return progress
        if time.monotonic() > deadline:
            raise NoSystem(f"risk has not caught up with book {book} within {patience_s:.0f} s: {progress}")
        time.sleep(_POLL_S)


def _by_month(facts: Sequence[TapeFact]) -> dict[int, list[TapeFact]]:
    return {month: list(some) for month, some in itertools.groupby(facts, key=lambda fact: month_of(fact.day))}


def _steps(facts: Sequence[TapeFact], month: int, closing: Closing) -> Iterator[tuple[Sequence[TapeFact], Day]]:
    """Yield what to send and which day to close then."""
    if closing == Closing.MONTHLY:
        yield facts, month_end(month)
        return
    by_day = {day: list(some) for day, some in itertools.groupby(facts, key=lambda fact: fact.day)}
    for day in range(month_start(month), month_end(month) + 1):
        yield by_day.get(day, []), day


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as raw:
        while chunk := raw.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
