"""`tocsin books`: list, open and show books."""

from typing import Annotated

import typer

from tocsin.client import Json
from tocsin.console import AsJson, Key, Url, connect, print_fields, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="List, open and show books.")


@app.command("list")
def list_books(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """List all books and how far they are closed."""
    with connect(url, key) as client:
        books = client.items("/intake/v1/books")
    if as_json:
        print_json(books)
        return
    rows = (
        (book["book"], book.get("base_currency"), book.get("calendar"), book.get("first_day"), _closed(book))
        for book in books
    )
    print_table(["book", "currency", "calendar", "first day", "closed through"], rows, "There is no book yet.")


@app.command("open")
def open_book(
    book: Annotated[str, typer.Argument(help="Id of the book.")],
    first_day: Annotated[str, typer.Option("--first-day", help="First business day (YYYY-MM-DD).")],
    currency: Annotated[str, typer.Option("--currency", help="Base currency (ISO 4217).")] = "USD",
    time_zone: Annotated[str, typer.Option("--time-zone", help="IANA time zone.")] = "UTC",
    calendar: Annotated[str, typer.Option("--calendar", help="Country code, WEEKENDS or EVERY_DAY.")] = "WEEKENDS",
    dpd_offset: Annotated[int, typer.Option("--dpd-offset", min=0, max=1, help="Added to days past due.")] = 0,
    tolerance: Annotated[
        str | None, typer.Option("--tolerance", help="Amount in base currency up to which a due counts as covered.")
    ] = None,
    segment: Annotated[
        list[str] | None, typer.Option("--segment", help="Attribute to cut by, e.g. region; repeatable.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Open a book; opening the same one again has no effect."""
    body: Json = {
        "book": book,
        "base_currency": currency,
        "time_zone": time_zone,
        "calendar": calendar,
        "first_day": first_day,
        "dpd_offset": dpd_offset,
        "segment_attributes": segment or [],
    }
    if tolerance is not None:
        body["tolerance"] = {currency: tolerance}
    with connect(url, key) as client:
        answer = client.post("/intake/v1/books", body)
    _show(answer, as_json)


@app.command("show")
def show_book(
    book: Annotated[str, typer.Argument(help="Id of the book.")],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show a book's settings, how far it is closed, and how far risk has come with it."""
    with connect(url, key) as client:
        state = client.get(f"/intake/v1/books/{book}")
        state["risk"] = client.find(f"/risk/v1/books/{book}")
    _show(state, as_json)


def _closed(book: Json) -> str:
    return str(book.get("closed_through") or "not yet")


def _show(state: Json, as_json: bool) -> None:
    if as_json:
        print_json(state)
    else:
        print_fields(state)
