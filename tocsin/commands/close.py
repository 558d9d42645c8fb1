"""`tocsin close`: close a day of a book."""

from typing import Annotated

import typer

from tocsin.console import AsJson, Key, Url, connect, out, print_json


def close(
    book: Annotated[str, typer.Argument(help="Id of the book.")],
    day: Annotated[str, typer.Argument(help="Day to close (YYYY-MM-DD); open days before it close with it.")],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Close a day of a book and all open days before it; a day that is closed already stays as it is."""
    with connect(url, key) as client:
        answer = client.post(f"/intake/v1/books/{book}/closes", {"day": day})
    if as_json:
        print_json(answer)
    elif answer.get("effect") == "none":
        out().print(f"{book} was closed through {day} already: no effect")
    else:
        out().print(f"{book} is closed through {answer.get('day', day)}")
