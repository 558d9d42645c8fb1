"""`tocsin messages`: what was told to whom, what was held back, every attempt to send, and sending again."""

import getpass
from typing import Annotated

import typer
from rich.markup import escape

from tocsin.client import Json
from tocsin.console import AsJson, Key, Url, connect, out, print_fields, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Messages: list, show, send again; inboxes; what was held back.")

MessageId = Annotated[str, typer.Argument(help="Id of the message.")]


@app.command("list")
def list_messages(
    state: Annotated[str | None, typer.Option("--state", help="waiting, sending, sent, failed or unknown.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="email, webhook, inbox or console.")] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="opened, worsened, reminder, survey ...")] = None,
    recipient: Annotated[str | None, typer.Option("--recipient", help="Person, endpoint, or book/client.")] = None,
    alert: Annotated[str | None, typer.Option("--alert", help="Only those that tell of this alert.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List messages, the newest first."""
    with connect(url, key) as client:
        messages = client.items(
            "/notify/v1/messages", state=state, channel=channel, purpose=purpose, recipient=recipient, alert=alert
        )
    if as_json:
        print_json(messages)
        return
    columns = ["id", "created at", "channel", "recipient", "purpose", "state", "reason", "attempts#", "subject"]
    print_table(columns, (_row(one) for one in messages), "No message.")


@app.command("show")
def show_message(message: MessageId, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Show one message: its text, what it tells, and every attempt to send it."""
    with connect(url, key) as client:
        found = client.get(f"/notify/v1/messages/{message}")
    if as_json:
        print_json(found)
        return
    text, notices, attempts = (found.pop(name) for name in ("text", "notices", "attempts_made"))
    print_fields(found)
    out().print(f"\n{escape(text)}\n")
    told = ((one["subject"], one["revision"], one["purpose"], one["reason"], one["route"]) for one in notices)
    print_table(["about", "revision#", "purpose", "why", "route"], told, "It tells of nothing.")
    made = (
        (one["number"], one["started_at"], one["outcome"] or "under way", one["by"], escape(one["detail"]))
        for one in attempts
    )
    print_table(["attempt#", "started at", "outcome", "asked by", "detail"], made, "It was not tried yet.")


@app.command("resend")
def resend_message(
    message: MessageId,
    by: Annotated[str | None, typer.Option("--by", help="Who asks; left out: the user of this machine.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Send a message again that failed, or of which nobody knows whether it was sent."""
    with connect(url, key) as client:
        answer = client.post(f"/notify/v1/messages/{message}/resend", {"by": by or getpass.getuser()})
    if as_json:
        print_json(answer)
    else:
        out().print(f"{message} is {answer['state']}")


@app.command("held")
def list_held(
    state: Annotated[str | None, typer.Option("--state", help="waiting, held or dropped.")] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="quiet_hours, silenced, no_consent, no_address ...")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List what was not told at once, with its reason and until when it waits."""
    with connect(url, key) as client:
        held = client.items("/notify/v1/held", state=state, reason=reason)
    if as_json:
        print_json(held)
        return
    names = ("state", "reason", "due_at", "purpose", "channel", "recipient", "subject")
    rows = (tuple(one[name] for name in names) for one in held)
    print_table(["state", "reason", "until", "purpose", "channel", "recipient", "about"], rows, "Nothing is held back.")


@app.command("inbox")
def show_inbox(
    person: Annotated[str, typer.Argument(help="Id of the person.")],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show a person's inbox, the newest first."""
    with connect(url, key) as client:
        items = client.items(f"/notify/v1/inbox/{person}")
    if as_json:
        print_json(items)
        return
    for one in items:
        out().print(f"[bold]{escape(one['subject'])}[/bold]  {one['created_at'][:19]}\n{escape(one['text'])}")
    if not items:
        out().print("The inbox is empty.")


def _row(one: Json) -> tuple[object, ...]:
    named = ("channel", "recipient", "purpose", "state", "reason", "attempts")
    return (one["id"], one["created_at"][:19], *(one[name] for name in named), escape(one["subject"]))
