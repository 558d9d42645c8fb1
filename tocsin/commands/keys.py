"""`tocsin keys`: the file of API keys that all services read (D20). Works on the file, not over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from shared.clock import SystemClock
from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tocsin.console import AsJson, data_folder, err, out, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="API keys: add, list, revoke.")

KeyFile = Annotated[
    Path | None,
    typer.Option("--file", envvar="TOCSIN_KEYS_FILE", help="Key file; left out: keys.json in the data folder."),
]


@app.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    right: Annotated[list[str] | None, typer.Option("--right", help="A right; repeatable. Left out: all.")] = None,
    file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a key and print its secret, which is shown this once."""
    try:
        key, secret = _ring(file).add(name, right or RIGHTS, SystemClock().now().isoformat())
    except ValueError as error:
        err().print(str(error))
        raise typer.Exit(2) from error
    if as_json:
        print_json({"id": key.id, "name": key.name, "rights": key.rights, "secret": secret})
        return
    typer.echo(secret)
    err().print(f"key {key.id} for {name}; the secret above is not shown again")


@app.command("list")
def list_keys(file: KeyFile = None, as_json: AsJson = False) -> None:
    """List all keys with their rights, without secrets."""
    keys = _ring(file).all()
    if as_json:
        shown = ("id", "name", "rights", "created", "revoked")
        print_json([{field: getattr(key, field) for field in shown} for key in keys])
        return
    rows = (
        (key.id, key.name, "revoked" if key.revoked else "live", key.created, ", ".join(key.rights)) for key in keys
    )
    print_table(["id", "name", "state", "created", "rights"], rows, "There is no key.")


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="Id of the key, as `keys list` shows it.")], file: KeyFile = None
) -> None:
    """Revoke a key for ever; it stops working at once."""
    if not _ring(file).revoke(key_id):
        err().print(f"there is no key {key_id}")
        raise typer.Exit(1)
    out().print(f"key {key_id} is revoked")


def _ring(file: Path | None) -> KeyRing:
    return KeyRing(file or data_folder() / "keys.json")
