"""`tocsin remarks`: note something about an alert, a loan or a project, and read what was noted."""

import getpass
from typing import Annotated

import typer
from rich.markup import escape

from tocsin.client import Json
from tocsin.console import AsJson, Book, Key, Url, connect, out, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Leave and list remarks on alerts, loans and projects.")


@app.command("add")
def add_remark(
    book: Annotated[str, typer.Argument(help="Id of the book.")],
    kind: Annotated[str, typer.Argument(help="alert, loan or project.")],
    subject: Annotated[str, typer.Argument(help="Id of the alert, loan or project.")],
    text: Annotated[str, typer.Argument(help="What others should know.")],
    by: Annotated[str | None, typer.Option("--by", help="Who says it; left out: the user of this machine.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Leave a remark."""
    body: Json = {"book": book, "kind": kind, "subject": subject, "text": text, "by": by or getpass.getuser()}
    with connect(url, key) as client:
        left = client.post("/feedback/v1/remarks", body)
    if as_json:
        print_json(left)
    else:
        out().print(f"noted on {kind} {escape(subject)} by {escape(left['by'])}")


@app.command("list")
def list_remarks(
    book: Book = None,
    kind: Annotated[str | None, typer.Option("--kind", help="alert, loan or project.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Id of the alert, loan or project.")] = None,
    author: Annotated[str | None, typer.Option("--author", help="staff or client.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List remarks, oldest first."""
    with connect(url, key) as client:
        remarks = client.items("/feedback/v1/remarks", book=book, kind=kind, subject=subject, author=author)
    if as_json:
        print_json(remarks)
        return
    named = ("book", "kind", "subject", "author", "by", "text")
    rows = ((one["at"][:19], *(escape(str(one[name])) for name in named)) for one in remarks)
    print_table(["at", *named], rows, "No remark.")
