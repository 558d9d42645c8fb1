"""`tocsin dead-letters`: messages that a service could not digest."""

import getpass
from typing import Annotated, Literal

import typer
from rich.markup import escape

from tocsin.client import Json, Refused
from tocsin.commands.foreseen import Yes, ask_to_go_on, print_changes
from tocsin.console import AsJson, Book, Key, Url, connect, out, print_fields, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Messages that could not be digested: list, show, replay, dismiss.")

_Service = Literal["risk", "notify", "feedback"]
_SERVICES: tuple[_Service, ...] = ("risk", "notify", "feedback")
_LetterId = Annotated[str, typer.Argument(help="Id of the letter, as `dead-letters list` shows it.")]
_At = Annotated[_Service, typer.Option("--service", help="The service that could not digest it.")]
_By = Annotated[str | None, typer.Option("--by", help="Who does it; left out: the user of this machine.")]


@app.command("list")
def list_letters(
    book: Book = None,
    service: Annotated[_Service | None, typer.Option("--service", help="Only of this service.")] = None,
    state: Annotated[str, typer.Option("--state", help="kept (nobody has settled it), retried or dismissed.")] = "kept",
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List messages that could not be digested, each with its reason."""
    with connect(url, key) as client:
        found = [
            {"service": name, **letter}
            for name in _SERVICES
            if service in (None, name)
            for letter in client.items(f"/{name}/v1/dead-letters", book=book, state=state)
        ]
    if as_json:
        print_json(found)
        return
    names = ("service", "id", "book", "client", "type", "reason")
    rows = ((*(one[name] for name in names), escape(str(one["error"]))) for one in found)
    print_table([*names, "error"], rows, "There is no dead letter.")


@app.command("show")
def show_letter(
    letter: _LetterId, service: _At = "risk", as_json: AsJson = False, url: Url = None, key: Key = None
) -> None:
    """Show one message: its bytes, whose it is, where it lay, why it could not be digested and where that broke."""
    with connect(url, key) as client:
        found = client.get(f"/{service}/v1/dead-letters/{letter}")
    if as_json:
        print_json(found)
    else:
        print_fields(found)


@app.command("preview")
def preview_letter(
    letter: _LetterId, service: _At = "risk", as_json: AsJson = False, url: Url = None, key: Key = None
) -> None:
    """Show what a replay of one message would change, or why it would fail; nothing is changed."""
    with connect(url, key) as client:
        foreseen = client.get(f"/{service}/v1/dead-letters/{letter}/preview")
    if as_json:
        print_json(foreseen)
    elif foreseen["would"] == "fail":
        out().print(f"It would fail again: {escape(foreseen['error'])}")
    else:
        print_changes(foreseen)


@app.command("replay")
def replay_letter(
    letter: _LetterId,
    service: _At = "risk",
    by: _By = None,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show what digesting one message would change, and do it when that is wanted."""
    path = f"/{service}/v1/dead-letters/{letter}"
    with connect(url, key) as client:
        if not yes:
            foreseen = client.get(f"{path}/preview")
            if foreseen["would"] == "fail":
                raise Refused(409, {"title": "The message still cannot be digested", "detail": foreseen["error"]})
            ask_to_go_on(foreseen, "Digest it?", as_json)
    _settle(url, key, as_json, f"{path}/replay", {"by": by or getpass.getuser()})


app.command("retry", hidden=True)(replay_letter)


@app.command("dismiss")
def dismiss_letter(
    letter: _LetterId,
    reason: Annotated[str, typer.Option("--reason", help="Why its effect is not needed.")],
    service: _At = "risk",
    by: _By = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Dismiss one message for good, with the reason."""
    body: Json = {"by": by or getpass.getuser(), "reason": reason}
    _settle(url, key, as_json, f"/{service}/v1/dead-letters/{letter}/dismissal", body)


def _settle(url: str | None, key: str | None, as_json: bool, path: str, body: Json) -> None:
    with connect(url, key) as client:
        answer = client.post(path, body)
    if as_json:
        print_json(answer)
    else:
        out().print(f"{answer['id']}: {answer['state']} by {escape(answer['settled_by'])}")
