"""What somebody is about to change, shown before it is done: previews of replays and retries."""

from typing import Annotated

import typer
from rich.markup import escape

from tocsin.client import Json
from tocsin.console import out, print_table

Yes = Annotated[bool, typer.Option("--yes", help="Do it at once, without showing first what it changes.")]


def ask_to_go_on(foreseen: Json, question: str, as_json: bool) -> None:
    """Print what would change and ask; anything but yes ends the command with status 1."""
    if as_json:
        raise typer.BadParameter("nobody can be asked in JSON: look with `preview --json`, then say --yes")
    print_changes(foreseen)
    typer.confirm(question, abort=True)


def print_changes(foreseen: Json) -> None:
    """Print what would change, one thing a line: what is new, what would go, which fields would be others."""
    rows = ((one["kind"], escape(one["name"]), escape(_told(one))) for one in foreseen["changes"])
    print_table(["kind", "name", "change"], rows, "It would change nothing.")
    if foreseen["more"]:
        out().print(f"and {foreseen['more']} more")


def _told(change: Json) -> str:
    before, after = change["before"], change["after"]
    if before is None:
        return "new: " + ", ".join(f"{name} {value}" for name, value in after.items())
    if after is None:
        return "gone: " + ", ".join(f"{name} {value}" for name, value in before.items())
    fields = [name for name in after if before.get(name) != after[name]]
    return ", ".join(f"{name} {before.get(name)} -> {after[name]}" for name in fields)
