"""`tocsin quarantine`: facts that wait because they cannot be applied, or were not understood."""

from typing import Annotated

import typer
from rich.markup import escape

from tocsin.client import Json
from tocsin.commands.foreseen import Yes, ask_to_go_on, print_changes
from tocsin.console import AsJson, Book, Key, Url, connect, out, print_fields, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Facts that wait: list, show, preview, retry, dismiss.")

ItemId = Annotated[str, typer.Argument(help="Id of the item, as `quarantine list` shows it.")]


def why(item: Json) -> str:
    """Return the details of an item's reason: what is wrong with it, or what it waits for."""
    errors = [f"{error.get('pointer', '')} {error.get('detail', '')}".strip() for error in item.get("errors", [])]
    return "; ".join(errors or [f"waits for {name}" for name in item.get("missing", [])])


@app.command("list")
def list_quarantine(
    book: Book = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only this reason.")] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="waiting, quarantined or dismissed; left out: the first two.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List the facts that wait for something not known yet, or for a person, each with its reason."""
    with connect(url, key) as client:
        found = client.items("/intake/v1/quarantine", book=book, reason=reason, state=state)
    items = [one for one in found if state is not None or one["state"] != "dismissed"]
    if as_json:
        print_json(items)
        return
    rows = (
        (one["item"], one["book"], one["id"], one["type"], one["state"], one["reason"], escape(why(one)))
        for one in items
    )
    print_table(["item", "book", "fact", "type", "state", "reason", "detail"], rows, "Nothing waits in quarantine.")


@app.command("show")
def show_quarantined(item: ItemId, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Show one fact as it came, and why it waits."""
    with connect(url, key) as client:
        found = client.get(f"/intake/v1/quarantine/{item}")
    if as_json:
        print_json(found)
    else:
        print_fields(found)


def _would(foreseen: Json) -> str:
    outcome = foreseen["outcome"]
    return f"It would be {outcome['outcome']}: {escape(why(outcome))}".removesuffix(": ")


@app.command("preview")
def preview_quarantined(item: ItemId, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Show what would become of one fact if it were judged again, and what it would set free; nothing is changed."""
    with connect(url, key) as client:
        foreseen = client.get(f"/intake/v1/quarantine/{item}/preview")
    if as_json:
        print_json(foreseen)
        return
    out().print(_would(foreseen))
    print_changes(foreseen)


@app.command("retry")
def retry_quarantined(
    item: ItemId, yes: Yes = False, as_json: AsJson = False, url: Url = None, key: Key = None
) -> None:
    """Show what would become of one fact, judged again as if it had just arrived, and do it when that is wanted."""
    with connect(url, key) as client:
        if not yes:
            foreseen = client.get(f"/intake/v1/quarantine/{item}/preview")
            if not as_json:
                out().print(_would(foreseen))
            ask_to_go_on(foreseen, f"Judge it again, and let {foreseen['frees']} others go on?", as_json)
        answer = client.post(f"/intake/v1/quarantine/{item}/retry")
    if as_json:
        print_json(answer)
    else:
        out().print(f"{item}: {answer.get('outcome')}")


@app.command("dismiss")
def dismiss_quarantined(
    item: ItemId,
    comment: Annotated[str, typer.Option("--comment", help="Why it is not needed.")],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Dismiss one fact for good, with a comment."""
    with connect(url, key) as client:
        answer = client.post(f"/intake/v1/quarantine/{item}/dismiss", {"comment": comment})
    if as_json:
        print_json(answer)
    else:
        out().print(f"{item}: {answer.get('state', 'dismissed')}")
