"""`tocsin precision`: how the alerts that each rule opened were judged."""

from typing import Annotated

import typer

from tocsin.console import AsJson, Book, Key, Url, connect, percent, print_json, print_table

_COUNTS = ("true", "false", "unclear", "unjudged")


def precision(
    book: Book = None,
    policy: Annotated[str | None, typer.Option("--policy", help="Only this policy.")] = None,
    indicator: Annotated[str | None, typer.Option("--indicator", help="Only this indicator.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Print by rule and version of its policy how many alerts were worth giving: true / (true + false)."""
    with connect(url, key) as client:
        found = client.items("/risk/v1/precision", book=book, policy=policy, indicator=indicator)
    if as_json:
        print_json(found)
        return
    columns = ["policy", "version#", "indicator", "rule", *(f"{count}#" for count in _COUNTS), "precision#"]
    rows = (
        (
            *(one[name] for name in ("policy", "version", "indicator", "rule", *_COUNTS)),
            percent(one["precision"]),
        )
        for one in found
    )
    print_table(columns, rows, "No rule has opened an alert.")
