"""Services compared with each other from outside: every gap named, what is under way told apart from what is lost."""

from collections.abc import Iterator
from typing import NamedTuple

from shared.kernel.ids import hashed_id
from tocsin.client import Client, Json

IDS_NAMED = 20
_PAGE = 500
_INTAKE, _RISK = "intake", "risk"


class Place(NamedTuple):
    """A lane and a business day, by the first day that its close closes."""

    partition: int
    since: str


class Found:
    """What the comparison of one book has found."""

    def __init__(self, book: str) -> None:
        """Nothing is found yet."""
        self.book = book
        self.gaps: list[Json] = []
        self.explained: list[Json] = []
        self.in_flight: list[Json] = []
        self.counts: Json = {
            "accepted": 0,
            "folded": 0,
            "unchecked_days": 0,
            "ledger_checked": 0,
            "ledger_unchecked": 0,
        }

    def told(self) -> Json:
        """Return it as it is printed."""
        return {
            "book": self.book,
            "complete": not self.gaps,
            "gaps": self.gaps,
            "in_flight": self.in_flight,
            "explained": self.explained,
            **self.counts,
        }


def reconcile_book(client: Client, book: str, ledger_facts: int) -> Json:
    """Compare the services on one book; `ledger_facts`: as many facts are looked up in the ledgers, the latest days'
    first."""
    found = Found(book)
    accepted = {_place(day): day for day in client.items("/intake/v1/reconciliation", book=book, limit=_PAGE)}
    folded, first = _folded(client, book)
    found.counts["accepted"] = sum(day["accepted"] for day in accepted.values())
    found.counts["folded"] = sum(day["folded"] for day in folded.values())
    for place in sorted(accepted.keys() | folded.keys(), key=lambda one: (one.since, one.partition)):
        _compare_day(client, found, place, accepted.get(place), folded.get(place))
    _compare_closes(client, found, folded)
    _check_ledgers(client, found, accepted, folded, ledger_facts)
    _compare_alerts(client, found, first)
    notified = client.get("/notify/v1/reconciliation", book=book)
    return {**found.told(), "decided": first.get("decided", []), "notified": notified}


def _folded(client: Client, book: str) -> tuple[dict[Place, Json], Json]:
    """Return risk's days by place, and its answer beside them; nothing of a book that has not come to it."""
    first: Json = client.find("/risk/v1/reconciliation", book=book, limit=_PAGE) or {}
    days = [*first.get("items", []), *first.get("open", [])]
    cursor = first.get("next")
    while cursor:
        page = client.get("/risk/v1/reconciliation", book=book, limit=_PAGE, cursor=cursor)
        days += page["items"]
        cursor = page["next"]
    return {_place(day): day for day in days}, first


def _compare_day(client: Client, found: Found, place: Place, accepted: Json | None, folded: Json | None) -> None:
    """Compare one lane and day: by what risk says when it is closed there, else fact by fact where numbers differ."""
    state = "" if folded is None else folded["state"]
    if state == "complete":
        return
    if state == "unchecked":
        found.counts["unchecked_days"] += 1
        return
    if state == "explained" and folded is not None:
        found.explained.append(_entry(place, folded, "dead_letters", folded["missing"], folded["dead_letters"]))
        return
    number = (0 if accepted is None else accepted["accepted"], 0 if folded is None else folded["folded"])
    if state == "open" and number[0] == number[1]:
        return
    day = folded or accepted or {}
    if state == "close_missing":
        # Days of two closes lie together there: facts of the first one are counted under the second.
        found.gaps.append(_entry(place, day, "close_missing", max(day["missing"], day["unaccepted"]), []))
        return
    sent, unsent = _accepted_facts(client, found.book, place)
    behind = client.get("/risk/v1/progress")["behind"]
    there = set(_facts(client, _RISK, found.book, place)) if folded is not None else set()
    letters = _letters(client, found.book)
    lost = [one for one in sent if one not in there and one not in letters]
    late = [one for one in unsent if one not in there]
    if behind and state in ("", "open"):
        late, lost = late + lost, []
    forged = sorted(there - set(sent) - set(unsent))
    if forged:
        # Some may have been accepted since we asked.
        forged = sorted(set(forged) - set(_facts(client, _INTAKE, found.book, place)))
    put_aside = [one for one in sent if one not in there and one in letters]
    for kind, ids in (("missing", lost), ("unaccepted", forged)):
        if ids:
            found.gaps.append(_entry(place, day, kind, len(ids), ids))
    if late:
        found.in_flight.append(_entry(place, day, "on_its_way", len(late), late))
    if put_aside:
        found.explained.append(_entry(place, day, "dead_letters", len(put_aside), put_aside))


def _compare_closes(client: Client, found: Found, folded: dict[Place, Json]) -> None:
    """Compare how far intake has closed the book with how far each lane of risk is."""
    closed = client.get(f"/intake/v1/books/{found.book}")["closed_through"]
    if closed is None:
        return
    unsent = client.get("/intake/v1/progress")["unsent"]
    behind = client.get("/risk/v1/progress")["behind"]
    lanes = (client.find(f"/risk/v1/books/{found.book}") or {}).get("lanes", {})
    late = [int(lane) for lane, day in lanes.items() if day < closed]
    for lane in late:
        since = max((place.since for place in folded if place.partition == lane), default=closed)
        entry = _entry(Place(lane, since), {"day": closed}, "close_missing", 0, [])
        (found.in_flight if unsent or behind else found.gaps).append(entry)


def _check_ledgers(
    client: Client, found: Found, accepted: dict[Place, Json], folded: dict[Place, Json], most: int
) -> None:
    """Look up in each ledger what was counted: a row that is gone is named."""
    for service, days, number in ((_RISK, folded, "folded"), (_INTAKE, accepted, "accepted")):
        left = most
        for place, day in sorted(days.items(), key=lambda item: item[0].since, reverse=True):
            if left < day[number]:
                found.counts["ledger_unchecked"] += day[number]
                continue
            left -= day[number]
            found.counts["ledger_checked"] += day[number]
            if not day[number]:
                continue
            gone = [one["fact"] for one in _items(client, service, found.book, place) if not one["in_ledger"]]
            if gone:
                found.gaps.append(_entry(place, day, f"not_in_{service}_ledger", len(gone), gone))


def _compare_alerts(client: Client, found: Found, told: Json) -> None:
    """Tell revisions that notify never answered from those under way and those among its dead letters."""
    waiting = told.get("awaited", [])
    if not waiting:
        return
    kept = client.items("/notify/v1/dead-letters", book=found.book, state="kept")
    letters = {letter["event_id"] for letter in kept}
    for one in waiting:
        revision = f"{one['alert']}/{one['revision']}"
        entry = {
            "topic": one["topic"],
            "partition": one["partition"],
            "day": one["day"],
            "kind": "alert_unanswered",
            "count": 1,
            "ids": [revision],
        }
        if hashed_id(one["alert"], one["revision"]) in letters:
            found.explained.append({**entry, "kind": "dead_letters"})
        elif one["state"] == "overdue":
            found.gaps.append(entry)
        else:
            found.in_flight.append({**entry, "kind": one["state"]})


def _accepted_facts(client: Client, book: str, place: Place) -> tuple[list[str], list[str]]:
    """Return the facts of a lane and day that intake has sent, and those that wait in its outbox."""
    items = list(_items(client, _INTAKE, book, place))
    return [one["fact"] for one in items if not one["unsent"]], [one["fact"] for one in items if one["unsent"]]


def _facts(client: Client, service: str, book: str, place: Place) -> Iterator[str]:
    return (one["fact"] for one in _items(client, service, book, place))


def _items(client: Client, service: str, book: str, place: Place) -> Iterator[Json]:
    query = {"book": book, "partition": place.partition, "since": place.since}
    yield from client.items(f"/{service}/v1/reconciliation/facts", **query)


def _letters(client: Client, book: str) -> set[str]:
    letters = client.items("/risk/v1/dead-letters", book=book)
    return {letter["event_id"] for letter in letters if letter["state"] != "retried"}


def _place(day: Json) -> Place:
    return Place(day["partition"], day["since"])


def _entry(place: Place, day: Json, kind: str, count: int, ids: list[str]) -> Json:
    return {
        "topic": "tocsin.intake",
        "partition": place.partition,
        "since": place.since,
        "day": day.get("day"),
        "kind": kind,
        "count": count,
        "ids": ids[:IDS_NAMED],
    }
