"""The course of the demo: apply the policy, replay both books, tell, let people answer, report."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from services.risk.domain.indicators import INDICATORS
from services.risk.domain.policy import Catalogue, Rule
from services.risk.domain.policy_file import parse
from shared.events.facts import ATTRIBUTES, ClientRegistered
from shared.kernel.days import Day, format_day, format_month, month_of, parse_day
from tocsin.client import Address, Client, NoSystem
from tocsin.commands.quarantine import why
from tocsin.demo.cast import chosen_clients, put_contacts
from tocsin.demo.post import Post
from tocsin.demo.sinks import HookSink, MailSink
from tocsin.demo.tapes import demo_policy, source_note, tapes
from tocsin.demo.teller import Teller
from tocsin.profiles.base import Profile, Tape
from tocsin.progress import watched
from tocsin.replaying import Closing, Hooks, Replay, wait_until_evaluated
from tocsin.report.answers import Arrived
from tocsin.report.page import BookRun, render
from tocsin.report.view import Alerting, read_alerting

_SURVEYED = "auto"
_MONTHS = 48
"""Months of survey results that are shown."""


@dataclass
class Told:
    """What the demo came to."""

    runs: list[BookRun] = field(default_factory=list)
    alerting: Alerting | None = None
    arrived: Arrived = field(default_factory=Arrived)
    report: Path | None = None
    seconds_s: float = 0.0

    @property
    def facts(self) -> int:
        """All facts that were sent."""
        return sum(run.facts for run in self.runs)


def tell(address: Address, sinks: tuple[MailSink, HookSink], data: Path, report: Path, console: Console) -> Told:
    """Run the whole story against a system that is up; returns what came out. Refused, NoSystem.

    `sinks` are what stands at the other end of the system's messages.
    """
    began_s = time.monotonic()
    told = Told(report=report)
    text = demo_policy()
    with Client(address) as client, closing(Post(client, *sinks, console)) as post:
        client.post("/risk/v1/policies", {"text": text})
        told.arrived = post.arrived
        teller = Teller(client, console)
        for profile, files in tapes():
            told.runs.append(_replay(client, profile, files, data, console, (teller, post)))
        _hear_back(client, post, told.runs)
        told.alerting = read_alerting(client, rules_of(text))
    report.parent.mkdir(parents=True, exist_ok=True)
    page = render(told.alerting, told.runs, told.arrived, version("tocsin"))
    report.write_text(page, encoding="utf-8")
    told.seconds_s = time.monotonic() - began_s
    return told


def _hear_back(client: Client, post: Post, runs: Sequence[BookRun]) -> None:
    """Let everybody answer, and read what the answers come to."""
    post.settle()
    post.judge(client.items("/risk/v1/alerts"))
    for run in runs:
        last = month_of(parse_day(run.closed_through))
        if run.book == _SURVEYED:
            post.read_surveys(run.book, format_month(last - _MONTHS + 2), format_month(last + 1))
    post.read_precision()


def rules_of(text: str) -> Sequence[Rule]:
    """Return the rules of a policy text; NoSystem names its errors, because then nothing can be shown."""
    parsed = parse(text, Catalogue(INDICATORS, ATTRIBUTES))
    if parsed.policy is None:
        raise NoSystem("; ".join(f"line {error.line}: {error.message}" for error in parsed.errors))
    return parsed.policy.rules


def _replay(
    client: Client, profile: Profile, files: list[Path], data: Path, console: Console, people: tuple[Teller, Post]
) -> BookRun:
    """Replay one tape; after each close wait until risk has rated it, tell what it decided, and what was answered."""
    teller, post = people
    book = profile.book
    tape = profile.read(files, book)
    console.rule(f"[bold]book {book}[/bold]", style="dim", align="left")
    console.print(
        f"[dim]{source_note(profile.name)[0]}: {len(tape.facts):,} facts, {len(tape.rejects)} rejects[/dim]\n"
    )

    reachable = chosen_clients(_clients(tape)) if book == _SURVEYED else []

    def closed(day: Day) -> None:
        wait_until_evaluated(client, book)
        if reachable:
            put_contacts(client, book, reachable, format_day(day))
            reachable.clear()
        for alert in teller.look():
            post.wait_for(alert)
        post.look()

    began_s = time.monotonic()
    with watched(console, len(tape.facts), book) as watch:
        replay = Replay(client, profile, files, book, tape, data / "replays")
        account = replay.run(Closing.MONTHLY, Hooks(watch.month, watch.facts, closed))
    seconds_s = time.monotonic() - began_s
    state = client.get(f"/intake/v1/books/{book}")
    waiting = client.items("/intake/v1/quarantine", book=book)
    return BookRun(
        book=book,
        profile=profile.name,
        facts=account.sent,
        outcomes=dict(sorted(account.outcomes.items())),
        seconds_s=seconds_s,
        first_day=str(state["first_day"]),
        closed_through=str(state["closed_through"]),
        rejects=[*tape.rejects, *account.rejects],
        quarantined=[(str(one["id"]), str(one["reason"]), why(one)) for one in waiting],
        source=source_note(profile.name),
    )


def _clients(tape: Tape) -> list[str]:
    """Return the clients that a tape registers."""
    return [str(fact.event["data"]["client"]) for fact in tape.facts if fact.event["type"] == ClientRegistered.type]
