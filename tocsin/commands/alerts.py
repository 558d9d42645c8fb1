"""`tocsin alerts`: list, show and acknowledge alerts."""

import getpass
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from tocsin.client import Json
from tocsin.console import (
    LEVEL_STYLE,
    AsJson,
    AsOf,
    Book,
    Key,
    KnownAt,
    Url,
    connect,
    out,
    parts,
    percent,
    print_json,
    print_table,
)

app = typer.Typer(no_args_is_help=True, help="List, show and acknowledge alerts.")

AlertId = Annotated[str, typer.Argument(help="Id of the alert.")]


@app.command("list")
def list_alerts(
    book: Book = None,
    state: Annotated[str | None, typer.Option("--state", help="open, closed or withdrawn.")] = None,
    indicator: Annotated[str | None, typer.Option("--indicator", help="Only this indicator.")] = None,
    level: Annotated[str | None, typer.Option("--level", help="amber or red.")] = None,
    verdict: Annotated[
        str | None, typer.Option("--verdict", help="true, false, unclear, or none: nobody has judged it.")
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List alerts, those that stand and those that are over."""
    with connect(url, key) as client:
        alerts = client.items(
            "/risk/v1/alerts",
            book=book,
            state=state,
            indicator=indicator,
            level=level,
            verdict=verdict,
            as_of=as_of,
            known_at=known_at,
        )
    for alert in alerts:
        alert["level"] = stood_at(alert)
    if as_json:
        print_json(alerts)
        return
    columns = ["id", "book", "indicator", "segment", "level", "peak", "state", "opened", "latest", "value#"]
    print_table([*columns, "ack", "verdict"], (_row(alert) for alert in alerts), "No alert.")


@app.command("show")
def show_alert(
    alert: AlertId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show one alert: why it rang, and its course revision by revision."""
    with connect(url, key) as client:
        found = client.get(f"/risk/v1/alerts/{alert}", as_of=as_of, known_at=known_at)
    if as_json:
        print_json(found)
        return
    console = out()
    console.print(f"[bold]{found['book']} · {found['indicator']} · {found['segment']}[/bold]  {_level(found)}")
    console.print(f"{found.get('state')}, opened {found.get('as_of')}, latest {found.get('latest_as_of')}")
    console.print(f"\n{escape(str(found.get('sentence', '')))}\n")
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("#", "change", "level", "period", "as of", "value", "known from"):
        table.add_column(column)
    for one in found.get("revisions", []):
        cells = (one.get("revision"), one.get("change"), _level(one), one.get("period"), one.get("as_of"))
        table.add_row(*(str(cell) for cell in cells), percent(one.get("value")), str(one.get("known_from")))
    console.print(table)
    for said in found.get("verdicts", []):
        words = (said["verdict"], said["outcome"], said["comment"])
        console.print(escape(f"{said['given_at']}  {said['by']}: {', '.join(word for word in words if word)}"))


@app.command("ack")
def acknowledge_alert(
    alert: AlertId,
    by: Annotated[
        str | None, typer.Option("--by", help="Who acknowledges; left out: the user of this machine.")
    ] = None,
    comment: Annotated[str | None, typer.Option("--comment", help="What is being done about it.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Acknowledge an alert: somebody has seen it and deals with it."""
    body: Json = {"by": by or getpass.getuser()}
    if comment:
        body["comment"] = comment
    with connect(url, key) as client:
        answer = client.post(f"/risk/v1/alerts/{alert}/acknowledgements", body)
    if as_json:
        print_json(answer)
    else:
        out().print(f"{alert} is acknowledged by {escape(body['by'])}")


def stood_at(alert: Json) -> str:
    """Return the level of an alert in a list: the one at which it stands, or for one that is over its highest.

    Risk serves `none` for an alert that is over, because that is the level of its last revision.
    """
    return str(alert["level"] if alert["state"] == "open" else alert.get("peak_level") or alert["level"])


def _level(alert: Json) -> str:
    level = str(alert.get("level"))
    return f"[{LEVEL_STYLE.get(level, '')}]{level}[/]" if level in LEVEL_STYLE else level


def _row(alert: Json) -> tuple[object, ...]:
    value = percent(alert.get("value"))
    unit = alert.get("currency") if alert.get("basis") == "exposure" else None
    made_of = parts(alert.get("numerator"), alert.get("denominator"), unit)
    return (
        alert["id"],
        alert["book"],
        alert["indicator"],
        alert["segment"],
        _level(alert),
        alert.get("peak_level"),
        alert.get("state"),
        alert.get("as_of"),
        alert.get("latest_as_of"),
        f"{value} ({made_of})" if made_of else value,
        "yes" if alert.get("acknowledged") else "",
        alert.get("verdict"),
    )
