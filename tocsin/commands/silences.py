"""`tocsin silences`: what nobody wants to hear of for a while, with a comment."""

import getpass
from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape

from shared.clock import SystemClock
from tocsin.client import Json
from tocsin.console import AsJson, Key, Url, connect, out, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Silences: list, add, end.")

By = Annotated[str | None, typer.Option("--by", help="Who says so; left out: the user of this machine.")]
_CONDITIONS = ("alerts", "levels", "books", "indicators", "segments", "owners")


@app.command("list")
def list_silences(
    over: Annotated[bool, typer.Option("--over", help="Those that are over, too.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List silences, by when they end."""
    with connect(url, key) as client:
        silences = client.items("/notify/v1/silences", over=str(over).lower())
    if as_json:
        print_json(silences)
        return
    rows = (
        (one["id"], one["starts_at"][:19], one["ends_at"][:19], _said(one), one["author"], escape(one["comment"]))
        for one in silences
    )
    print_table(["id", "from", "until", "silences", "by", "why"], rows, "Nothing is silenced.")


@app.command("add")
def add_silence(
    hours: Annotated[float, typer.Option("--hours", help="For how long.")],
    comment: Annotated[str, typer.Option("--comment", help="Why.")],
    book: Annotated[list[str] | None, typer.Option("--book", help="Alerts of this book.")] = None,
    indicator: Annotated[list[str] | None, typer.Option("--indicator", help="Alerts of this indicator.")] = None,
    segment: Annotated[list[str] | None, typer.Option("--segment", help="Alerts of this segment.")] = None,
    level: Annotated[list[str] | None, typer.Option("--level", help="amber or red.")] = None,
    owner: Annotated[list[str] | None, typer.Option("--owner", help="Alerts of this owner role.")] = None,
    alert: Annotated[list[str] | None, typer.Option("--alert", help="This alert.")] = None,
    by: By = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Silence alerts that meet all conditions; what is kept from people is listed by `tocsin messages held`."""
    given = (alert, level, book, indicator, segment, owner)
    body: Json = {
        "match": {name: values for name, values in zip(_CONDITIONS, given, strict=True) if values},
        "ends_at": (SystemClock().now() + timedelta(hours=hours)).isoformat(),
        "author": by or getpass.getuser(),
        "comment": comment,
    }
    with connect(url, key) as client:
        silence = client.post("/notify/v1/silences", body)
    if as_json:
        print_json(silence)
    else:
        out().print(f"{silence['id']}: silent until {silence['ends_at'][:19]}")


@app.command("end")
def end_silence(
    silence: Annotated[str, typer.Argument(help="Id of the silence.")],
    by: By = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """End a silence before its time."""
    with connect(url, key) as client:
        ended = client.delete(f"/notify/v1/silences/{silence}", by=by or getpass.getuser())
    if as_json:
        print_json(ended)
    else:
        out().print(f"{silence} is over")


def _said(one: Json) -> str:
    return "; ".join(f"{name} {', '.join(one['match'][name])}" for name in _CONDITIONS if one["match"].get(name))
