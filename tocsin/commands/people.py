"""`tocsin people`: whom notify tells, and by which routes; check and apply the file that says so."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from services.notify.domain.provisioning import parse
from tocsin.client import Json
from tocsin.console import AsJson, Key, Url, connect, err, out, print_fields, print_json, print_table, text_of

app = typer.Typer(no_args_is_help=True, help="People, teams, endpoints and routes: list, show, check and apply a file.")

PeopleFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML file.")]


class Kind(StrEnum):
    """What the directory keeps."""

    PEOPLE = "people"
    TEAMS = "teams"
    ENDPOINTS = "endpoints"
    ROUTES = "routes"


AnyKind = Annotated[Kind, typer.Option("--kind", help="What to look at.")]


@app.command("list")
def list_entries(kind: AnyKind = Kind.PEOPLE, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """List people, teams, endpoints or routes."""
    with connect(url, key) as client:
        entries = client.items(f"/notify/v1/{kind}")
    if as_json:
        print_json(entries)
        return
    rows = ((one["id"], one["version"], one["origin"], escape(_said(one))) for one in entries)
    print_table(["id", "version#", "kept by", "says"], rows, f"There are no {kind}.")


@app.command("show")
def show_entry(
    name: Annotated[str, typer.Argument(help="Its id.")],
    kind: AnyKind = Kind.PEOPLE,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show one person, team, endpoint or route."""
    with connect(url, key) as client:
        found = client.get(f"/notify/v1/{kind}/{name}")
    if as_json:
        print_json(found)
    else:
        print_fields(found)


@app.command("check")
def check_file(file: PeopleFile, as_json: AsJson = False) -> None:
    """Check a file without a running system: every error at once, with its line."""
    parsed = parse(text_of(file))
    if as_json:
        print_json({"ok": not parsed.errors, "errors": [one._asdict() for one in parsed.errors]})
    elif parsed.errors:
        for one in parsed.errors:
            err().print(escape(f"{file}:{one.line}: {one.path}: {one.detail}"))
    else:
        out().print(f"{file} is fine")
    if parsed.errors:
        raise typer.Exit(1)


@app.command("apply")
def apply_file(file: PeopleFile, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Bring the system to what a file says; the same file again changes nothing.

    What came from a file before and is not in this one goes; what was put over HTTP stays.
    """
    with connect(url, key) as client:
        done = client.put_bytes("/notify/v1/provisioning", file.read_bytes(), "application/yaml")
    if as_json:
        print_json(done)
    else:
        out().print(", ".join(f"{count} {what}" for what, count in done.items()))


def _said(entry: Json) -> str:
    """Return what an entry says, without what every entry has and what is left at its default."""
    hidden = ("id", "version", "origin", "changed_at")
    said: dict[str, Any] = {name: value for name, value in entry.items() if name not in hidden and value}
    match = {name: value for name, value in said.pop("match", {}).items() if value}
    return "; ".join(f"{name} {_words(value)}" for name, value in {**match, **said}.items())


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, dict):
        return " ".join(_words(one) for one in value.values())
    return str(value)
