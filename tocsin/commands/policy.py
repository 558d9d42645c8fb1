"""`tocsin policy`: check a policy file on this machine, apply it, show what holds."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from services.risk.domain.indicators import INDICATORS
from services.risk.domain.policy import Catalogue
from services.risk.domain.policy_file import parse
from shared.events.facts import ATTRIBUTES
from tocsin.console import AsJson, Key, Url, connect, err, out, print_fields, print_json, print_table, text_of

app = typer.Typer(no_args_is_help=True, help="Threshold policies: check, apply, show.")

PolicyFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML file.")]


@app.command("check")
def check_policy(file: PolicyFile, as_json: AsJson = False) -> None:
    """Check a policy file without a running system: every error at once, with its line."""
    parsed = parse(text_of(file), Catalogue(INDICATORS, ATTRIBUTES))
    errors = [{"line": error.line, "pointer": error.path, "detail": error.message} for error in parsed.errors]
    if as_json:
        print_json({"ok": not errors, "errors": errors})
    elif parsed.policy is not None:
        out().print(f"{file}: policy {parsed.policy.name} with {len(parsed.policy.rules)} rules is fine")
    else:
        for error in errors:
            where = f" {error['pointer']}:" if error["pointer"] else ""
            err().print(escape(f"{file}:{error['line']}:{where} {error['detail']}"))
    if errors:
        raise typer.Exit(1)


@app.command("apply")
def apply_policy(file: PolicyFile, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Apply a policy file; the same text again makes no new version."""
    with connect(url, key) as client:
        answer = client.post("/risk/v1/policies", {"text": text_of(file)})
    if as_json:
        print_json(answer)
    else:
        out().print(f"policy {answer.get('policy')} version {answer.get('version')} holds")


@app.command("show")
def show_policy(
    name: Annotated[str | None, typer.Argument(help="Name of a policy; left out: list all.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show a policy with its versions, or list all."""
    with connect(url, key) as client:
        if name is None:
            found = client.items("/risk/v1/policies")
        else:
            one = client.get(f"/risk/v1/policies/{name}")
    if name is None:
        if as_json:
            print_json(found)
        else:
            rows = ((p.get("policy"), p.get("version"), p.get("effective_from"), p.get("known_at")) for p in found)
            print_table(["policy", "version#", "effective from", "known at"], rows, "No policy is applied.")
    elif as_json:
        print_json(one)
    else:
        print_fields(one)
