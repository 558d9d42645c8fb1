"""`tocsin quarantine`: facts that wait because they cannot be applied, or were not understood."""

from typing import Annotated

import typer

from tocsin.console import AsJson, Book, Key, Url, connect, out, print_fields, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Facts that wait: list, show, retry, dismiss.")

FactId = Annotated[str, typer.Argument(help="Id of the quarantined fact.")]


@app.command("list")
def list_quarantine(
    book: Book = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only this reason.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List the facts that wait, each with its reason."""
    with connect(url, key) as client:
        items = client.items("/intake/v1/quarantine", book=book, reason=reason)
    if as_json:
        print_json(items)
        return
    rows = ((one.get("id"), one.get("book"), one.get("type"), one.get("reason"), one.get("detail")) for one in items)
    print_table(["id", "book", "type", "reason", "detail"], rows, "Nothing waits in quarantine.")


@app.command("show")
def show_quarantined(fact: FactId, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Show one fact as it came, and why it waits."""
    with connect(url, key) as client:
        found = client.get(f"/intake/v1/quarantine/{fact}")
    if as_json:
        print_json(found)
    else:
        print_fields(found)


@app.command("retry")
def retry_quarantined(fact: FactId, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Try one fact again, as if it had just arrived."""
    with connect(url, key) as client:
        answer = client.post(f"/intake/v1/quarantine/{fact}/retry")
    if as_json:
        print_json(answer)
    else:
        out().print(f"{fact}: {answer.get('outcome')}")


@app.command("dismiss")
def dismiss_quarantined(
    fact: FactId,
    comment: Annotated[str, typer.Option("--comment", help="Why it is not needed.")],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Dismiss one fact for good, with a comment."""
    with connect(url, key) as client:
        answer = client.post(f"/intake/v1/quarantine/{fact}/dismiss", {"comment": comment})
    if as_json:
        print_json(answer)
    else:
        out().print(f"{fact}: {answer.get('outcome', 'dismissed')}")
