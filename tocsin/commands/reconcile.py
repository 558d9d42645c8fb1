"""`tocsin reconcile`: whether everything that was accepted counts, service beside service."""

from typing import Annotated

import typer

from tocsin.client import Client, Json
from tocsin.console import AsJson, Book, Key, Url, connect, out, print_json, print_table
from tocsin.reconciling import reconcile_book

_IDS_SHOWN = 3


def reconcile(
    book: Book = None,
    ledger_facts: Annotated[
        int,
        typer.Option(
            "--ledger-facts", min=0, help="Look up so many facts of each book in the ledgers, the latest first."
        ),
    ] = 200_000,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Compare what was accepted, folded, decided and planned; name each gap. Exit code 1 when there is one."""
    with connect(url, key) as client:
        told = [reconcile_book(client, name, ledger_facts) for name in _books(client, book)]
    if as_json:
        print_json(told)
    else:
        _print(told)
    if any(not one["complete"] for one in told):
        raise typer.Exit(1)


def _books(client: Client, book: str | None) -> list[str]:
    return [book] if book is not None else [one["book"] for one in client.items("/intake/v1/books")]


def _print(told: list[Json]) -> None:
    summary = (
        (
            one["book"],
            f"{one['accepted']:,}",
            f"{one['folded']:,}",
            f"{sum(day['decided'] for day in one['decided']):,}",
            f"{sum(day['notified'] for day in one['decided']):,}",
            _number(one["in_flight"]),
            _number(one["explained"]),
            _number(one["gaps"]),
            "complete" if one["complete"] else "GAPS",
        )
        for one in told
    )
    columns = ["book", "accepted#", "folded#", "decided#", "notified#", "under way#", "dead letters#", "gaps#", ""]
    print_table(columns, summary, "There is no book yet.")
    for name, title in (("gaps", "Gaps"), ("explained", "Among the dead letters"), ("in_flight", "Under way")):
        rows = [
            (book["book"], one["topic"], one["partition"], one["day"] or "open", one["kind"], one["count"], _ids(one))
            for book in told
            for one in book[name]
        ]
        if rows:
            out().print(f"\n{title}", style="bold")
            print_table(["book", "topic", "partition#", "day", "what", "how many#", "which"], rows, "")
    for one in told:
        _say_limits(one)


def _say_limits(told: Json) -> None:
    """Say what was not looked at."""
    if told["unchecked_days"]:
        out().print(
            f"{told['book']}: {told['unchecked_days']} lanes of days from before this version are not compared."
        )
    if told["ledger_unchecked"]:
        out().print(f"{told['book']}: {told['ledger_unchecked']:,} facts were not looked up (--ledger-facts).")


def _number(entries: list[Json]) -> int:
    return sum(max(1, one["count"]) for one in entries)


def _ids(entry: Json) -> str:
    ids = entry["ids"]
    return ", ".join(ids[:_IDS_SHOWN]) + (", …" if entry["count"] > _IDS_SHOWN else "")
