"""`tocsin contacts`: put how a client can be reached."""

from typing import Annotated

import typer

from shared.clock import SystemClock
from tocsin.client import Json
from tocsin.console import AsJson, Key, Url, connect, print_fields, print_json

app = typer.Typer(no_args_is_help=True, help="Put how a client can be reached.")


@app.command("put")
def put_contact(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT", help="Id of the client.")],
    book: Annotated[str, typer.Option("--book", help="Id of the book.")],
    email: Annotated[str | None, typer.Option("--email", help="E-mail address.")] = None,
    name: Annotated[str, typer.Option("--name", help="What to call the client in messages.")] = "",
    language: Annotated[str, typer.Option("--language", help="Language of messages: en or zh.")] = "en",
    consent: Annotated[
        list[str] | None, typer.Option("--consent", help="Agreed to be mailed for: service or survey; repeatable.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Date of the consents (YYYY-MM-DD), else today.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Put all that is known of how to reach a client; what was put before is replaced, consents too."""
    agreed_on = since or SystemClock().now().date().isoformat()
    body: Json = {
        "book": book,
        "language": language,
        "name": name,
        "points": [{"channel": "email", "address": email}] if email else [],
        "consents": [
            {"channel": "email", "purpose": purpose, "given": True, "since": agreed_on} for purpose in consent or []
        ],
    }
    with connect(url, key) as client:
        answer = client.put(f"/intake/v1/clients/{client_id}/contact", body)
    if as_json:
        print_json(answer)
    else:
        print_fields(answer)
