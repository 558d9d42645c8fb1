"""`tocsin verdicts`: say of an alert whether it was worth giving, and list what was said."""

import getpass
from typing import Annotated

import typer
from rich.markup import escape

from tocsin.client import Json
from tocsin.console import AsJson, Book, Key, Url, connect, out, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Give and list verdicts on alerts.")


@app.command("give")
def give_verdict(
    alert: Annotated[str, typer.Argument(help="Id of the alert.")],
    verdict: Annotated[str, typer.Argument(help="true, false or unclear.")],
    outcome: Annotated[
        str, typer.Option("--outcome", help="none, watched, contacted, restructured, secured or defaulted.")
    ] = "",
    comment: Annotated[str, typer.Option("--comment", help="Why.")] = "",
    by: Annotated[str | None, typer.Option("--by", help="Who says it; left out: the user of this machine.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Judge an alert: was it worth giving, and what came of it. A changed mind is a new verdict."""
    body: Json = {"verdict": verdict, "outcome": outcome, "comment": comment, "by": by or getpass.getuser()}
    with connect(url, key) as client:
        given = client.post(f"/feedback/v1/alerts/{alert}/verdicts", body)
    if as_json:
        print_json(given)
    else:
        out().print(
            f"{alert}: {given['verdict']}, says {escape(given['by'])}; `tocsin verdicts list` tells if it counts"
        )


@app.command("list")
def list_verdicts(
    book: Book = None,
    alert: Annotated[str | None, typer.Option("--alert", help="Only on this alert.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Only of this person.")] = None,
    verdict: Annotated[str | None, typer.Option("--verdict", help="true, false or unclear.")] = None,
    decision: Annotated[str | None, typer.Option("--decision", help="accepted, superseded ...")] = None,
    indicator: Annotated[str | None, typer.Option("--indicator", help="Only on alerts of this indicator.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List verdicts, oldest first, with what risk decided on each."""
    with connect(url, key) as client:
        verdicts = client.items(
            "/feedback/v1/verdicts",
            book=book,
            alert=alert,
            by=by,
            verdict=verdict,
            decision=decision,
            indicator=indicator,
        )
    if as_json:
        print_json(verdicts)
        return
    columns = ["given at", "alert", "book", "indicator", "segment", "verdict", "outcome", "by", "decision", "comment"]
    print_table(columns, (_row(one) for one in verdicts), "No verdict.")


def _row(one: Json) -> tuple[object, ...]:
    named = ("alert", "book", "indicator", "segment", "verdict", "outcome", "by", "decision", "comment")
    return (one["given_at"][:19], *(escape(str(one[name] or "")) for name in named))
