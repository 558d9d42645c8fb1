"""`tocsin version`."""

from importlib.metadata import version as installed

import typer

from tocsin.console import AsJson, print_json


def version(as_json: AsJson = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": installed("tocsin")})
    else:
        typer.echo(f"tocsin {installed('tocsin')}")
