"""`tocsin`: the command line. Exit codes: 0 done, 1 refused, failed or a gap found, 2 wrong usage."""

import sys

import typer
from rich.markup import escape

from tocsin.client import NoSystem, Refused
from tocsin.commands import (
    admin,
    alerts,
    books,
    close,
    contacts,
    dead_letters,
    demo,
    indicators,
    keys,
    messages,
    people,
    policy,
    precision,
    quarantine,
    reconcile,
    remarks,
    replay,
    serve,
    silences,
    surveys,
    templates,
    verdicts,
    version,
)
from tocsin.console import FileUnreadable, err
from tocsin.profiles.base import TapeUnreadable

app = typer.Typer(
    name="tocsin",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Credit-risk early warning. Run it with `serve`, see it with `demo`; the other commands talk to a running "
    "system: --url and --key, else TOCSIN_URL and TOCSIN_KEY, else the profile that `serve` left in TOCSIN_DATA "
    "(default .tocsin).",
)
app.command("serve", short_help="Run the whole system in one process.")(serve.serve)
app.command("demo", short_help="See it on real loans and projects, from nothing.")(demo.demo)
app.command("replay", short_help="Send a tape in time order and close its days.")(replay.replay)
app.command("import", short_help="Send a tape into a book, without closing days.")(replay.import_)
app.add_typer(books.app, name="books")
app.add_typer(contacts.app, name="contacts")
app.command("close", short_help="Close a day of a book.")(close.close)
app.add_typer(alerts.app, name="alerts")
app.command("indicators", short_help="Print the series of an indicator.")(indicators.indicators)
app.add_typer(policy.app, name="policy")
app.command("precision", short_help="Print how the alerts of each rule were judged.")(precision.precision)
app.add_typer(quarantine.app, name="quarantine")
app.command("reconcile", short_help="Compare the services with each other; name what is missing.")(reconcile.reconcile)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(people.app, name="people")
app.add_typer(messages.app, name="messages")
app.add_typer(silences.app, name="silences")
app.add_typer(verdicts.app, name="verdicts")
app.add_typer(surveys.app, name="surveys")
app.add_typer(remarks.app, name="remarks")
app.add_typer(templates.app, name="templates")
app.add_typer(keys.app, name="keys")
app.add_typer(admin.app, name="admin")
app.command("version")(version.version)


def main() -> None:
    """Run one command; what was refused or failed is said on standard error."""
    try:
        app()
    except (Refused, NoSystem, TapeUnreadable, FileUnreadable) as error:
        err().print(escape(str(error)), style="red")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
