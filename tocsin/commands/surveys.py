"""`tocsin surveys`: who was asked, who was not and why, and what was answered."""

from typing import Annotated

import typer
from rich.markup import escape

from tocsin.client import Json
from tocsin.console import AsJson, Book, Key, Url, connect, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Surveys of clients.")

_COLUMNS = (
    "survey",
    "book",
    "client",
    "occasion",
    "loan",
    "value_date",
    "state",
    "reason",
    "invited_on",
    "answered_on",
)


@app.command("list")
def list_surveys(
    book: Book = None,
    client_id: Annotated[str | None, typer.Option("--client", help="Only of this client.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="waiting, skipped, invited or answered.")] = None,
    occasion: Annotated[str | None, typer.Option("--occasion", help="loan_closed or arrears_cured.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why a client was not asked.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List every occasion to ask a client, and what became of it."""
    with connect(url, key) as client:
        surveys = client.items(
            "/feedback/v1/surveys", book=book, client=client_id, state=state, occasion=occasion, reason=reason
        )
    if as_json:
        print_json(surveys)
        return
    columns = [*(name.replace("_", " ") for name in _COLUMNS), "csat#", "nps#"]
    print_table(columns, (_row(one) for one in surveys), "No survey.")


def _row(one: Json) -> tuple[object, ...]:
    return (*(escape(str(one[name] or "")) for name in _COLUMNS), one["csat"], one["nps"])
