"""`tocsin indicators`: the series of one indicator, or what indicators there are."""

from typing import Annotated

import typer
from rich.markup import escape

from tocsin.console import AsJson, AsOf, Key, KnownAt, Url, connect, out, parts, percent, print_json, print_table


def indicators(
    name: Annotated[str | None, typer.Argument(help="Indicator, e.g. missed_payment_rate; left out: list all.")] = None,
    book: Annotated[str | None, typer.Option("--book", help="Id of the book.")] = None,
    segment: Annotated[str, typer.Option("--segment", help="portfolio, or attribute=value.")] = "portfolio",
    basis: Annotated[str | None, typer.Option("--basis", help="count or exposure.")] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="For exposure; left out: the book's.")] = None,
    period: Annotated[str | None, typer.Option("--period", help="month or day.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="First period.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Last period.")] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Print the series of an indicator: value, numerator and denominator by period."""
    with connect(url, key) as client:
        if name is None:
            found = client.items("/risk/v1/indicators")
            if as_json:
                print_json(found)
            else:
                names = ((one.get("name"), ", ".join(one.get("bases", [])), one.get("title")) for one in found)
                print_table(["name", "bases", "title"], names, "There is no indicator.")
            return
        if book is None:
            raise typer.BadParameter("name the book", param_hint="--book")
        answer = client.get(
            f"/risk/v1/indicators/{name}/series",
            book=book,
            segment=segment,
            basis=basis,
            currency=currency,
            period_kind=period,
            **{"from": from_},
            to=to,
            as_of=as_of,
            known_at=known_at,
        )
    if as_json:
        print_json(answer)
        return
    out().print(escape(f"{name} · {book} · {answer.get('segment', segment)} · by {answer.get('basis', basis)}"))
    unit = answer.get("currency") if answer.get("basis") == "exposure" else None
    rows = (
        (
            point["period"],
            percent(point["value"]),
            parts(point["numerator"], point["denominator"], unit),
            "final" if point.get("final") else "so far",
        )
        for point in answer.get("series", [])
    )
    print_table(["period", "value#", "made of#", ""], rows, "No period has a value yet.")
