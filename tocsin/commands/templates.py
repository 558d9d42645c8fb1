"""`tocsin templates`: list the templates of messages, and read one before it is used."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.client import Json
from tocsin.console import AsJson, Key, Url, connect, print_json, print_table, text_of

app = typer.Typer(no_args_is_help=True, help="List and preview the templates of messages.")


@app.command("list")
def list_templates(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """List the templates in use, with their versions."""
    with connect(url, key) as client:
        items = client.get("/notify/v1/templates")["items"]
    if as_json:
        print_json(items)
        return
    columns = ["template", "audience", "purpose", "language", "version"]
    print_table(columns, ([one[name] for name in columns] for one in items), "No template.")


@app.command("preview")
def preview_template(
    purpose: Annotated[
        str, typer.Argument(help="opened, worsened, confirmed, withdrawn, closed, amended, reminder or survey.")
    ],
    language: Annotated[str, typer.Option("--language", help="en or zh.")] = "en",
    notices: Annotated[int, typer.Option("--notices", help="Alerts in the message.")] = 1,
    occasion: Annotated[
        str, typer.Option("--occasion", help="Of a survey: loan_closed or arrears_cured.")
    ] = "loan_closed",
    file: Annotated[Path | None, typer.Option("--file", exists=True, dir_okay=False, help="Template to try.")] = None,
    html: Annotated[bool, typer.Option("--html", help="Print the HTML instead of the text.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Print a message about made-up content, from the template in use or from one of your own."""
    body: Json = {"purpose": purpose, "language": language, "notices": notices, "occasion": occasion}
    if file is not None:
        body["source"] = text_of(file)
    with connect(url, key) as client:
        made = client.post("/notify/v1/templates/preview", body)
    if as_json:
        print_json(made)
    elif html:
        typer.echo(made["html"])
    else:
        typer.echo(f"{made['template']} {made['version']}\n\n{made['subject']}\n\n{made['text']}", nl=False)
