"""`tocsin replay` and `tocsin import`: a tape of a known shape into a book."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tocsin.client import Client, Json, find_system
from tocsin.console import AsJson, Key, Url, data_folder, err, out, print_json
from tocsin.profiles import PROFILES
from tocsin.profiles.base import Profile, Reject, Tape
from tocsin.progress import watched
from tocsin.replaying import Closing, Hooks, Replay, wait_until_evaluated
from tocsin.sending import Account, send_facts, write_rejects

PATIENCE_S = 120.0

Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Files of the tape, gzipped or not.")]
ProfileName = Annotated[str, typer.Option("--profile", help=f"How to read the tape: {', '.join(PROFILES)}.")]
BookName = Annotated[str | None, typer.Option("--book", help="Book to fill; left out: the profile's own.")]
Rejects = Annotated[
    Path | None, typer.Option("--rejects", help="File for rejects; left out: <profile>.rejects.csv in this folder.")
]
Patience = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for a system that is away.")]


def replay(
    files: Files,
    profile: ProfileName,
    book: BookName = None,
    close: Annotated[Closing, typer.Option("--close", help="Close every day, or each month's last.")] = Closing.MONTHLY,
    rejects: Rejects = None,
    wait_s: Patience = PATIENCE_S,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Send a tape's facts in time order and close the book's days as it goes; makes the book if it is missing.

    Safe to stop and to start again, on either side: facts are known by their ids, so nothing counts twice.
    """
    shape = _profile(profile)
    address = find_system(url, key, data_folder())
    tape = shape.read(files, book or shape.book)
    console = err()
    began_s = time.monotonic()
    with watched(console, len(tape.facts), shape.book) as watch, Client(address, wait_s, watch.away) as client:
        run = Replay(client, shape, files, book or shape.book, tape, data_folder() / "replays")
        account = run.run(close, Hooks(watch.month, watch.facts))
        watch.month("waiting for risk")
        if tape.facts:
            wait_until_evaluated(client, book or shape.book)
    _report(account, tape, rejects or Path(f"{profile}.rejects.csv"), time.monotonic() - began_s, as_json)


def import_(
    files: Files,
    profile: ProfileName,
    book: BookName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check; send nothing.")] = False,
    rejects: Rejects = None,
    wait_s: Patience = PATIENCE_S,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Send a tape's facts into a book that exists, without closing days; --dry-run only checks the files."""
    shape = _profile(profile)
    name = book or shape.book
    path = rejects or Path(f"{profile}.rejects.csv")
    began_s = time.monotonic()
    if dry_run:
        tape = shape.read(files, name)
        _report(Account(), tape, path, time.monotonic() - began_s, as_json, dry_run=True)
        return
    address = find_system(url, key, data_folder())
    tape = shape.read(files, name)
    account = Account()
    with watched(err(), len(tape.facts), name) as watch, Client(address, wait_s, watch.away) as client:
        client.get(f"/intake/v1/books/{name}")
        send_facts(client, tape.facts, account, watch.facts)
        watch.month("waiting for risk")
        wait_until_evaluated(client, name)
    _report(account, tape, path, time.monotonic() - began_s, as_json)


def _profile(name: str) -> Profile:
    if name not in PROFILES:
        raise typer.BadParameter(f"there are: {', '.join(PROFILES)}", param_hint="--profile")
    return PROFILES[name]


def _report(
    account: Account, tape: Tape, path: Path, seconds_s: float, as_json: bool, *, dry_run: bool = False
) -> None:
    """Write the rejects and say what became of the facts; exit 1 when the system did not take some."""
    all_rejects: Sequence[Reject] = [*tape.rejects, *account.rejects]
    if all_rejects:
        write_rejects(path, all_rejects)
    result: Json = {
        "facts": len(tape.facts),
        "outcomes": dict(sorted(account.outcomes.items())),
        "skipped": account.skipped,
        "closes": account.closes,
        "rejects": len(all_rejects),
        "rejects_file": str(path) if all_rejects else None,
        "seconds": round(seconds_s, 2),
    }
    if as_json:
        print_json(result)
    else:
        console = out()
        if dry_run:
            console.print(f"{len(tape.facts):,} facts could be sent; nothing was")
        elif account.sent:
            outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(account.outcomes.items()))
            rate = account.sent / max(seconds_s, 0.001)
            console.print(f"{account.sent:,} facts in {seconds_s:.1f} s ({rate:,.0f} a second): {outcomes}")
        if account.skipped:
            console.print(
                f"{account.skipped:,} facts were there from an earlier run of this tape and were not sent again"
            )
        if account.closes:
            console.print(f"{account.closes:,} closes")
        if all_rejects:
            console.print(f"{len(all_rejects):,} rejects, each with row, column and reason: {path}")
    if account.refused:
        raise typer.Exit(1)
