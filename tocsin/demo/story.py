"""The course of the demo: start a system, apply the policy, replay both books, tell, report."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from services.risk.domain.indicators import INDICATORS
from services.risk.domain.policy import Catalogue, Rule
from services.risk.domain.policy_file import parse
from shared.clock import SystemClock
from shared.events.facts import ATTRIBUTES
from shared.kernel.days import Day
from shared.security.keys import KeyRing
from tocsin.client import Address, Client, NoSystem
from tocsin.commands.quarantine import why
from tocsin.demo.tapes import demo_policy, source_note, tapes
from tocsin.demo.teller import Teller
from tocsin.profiles.base import Profile
from tocsin.progress import watched
from tocsin.replaying import Closing, Hooks, Replay, wait_until_evaluated
from tocsin.report.page import BookRun, render
from tocsin.report.view import Alerting, read_alerting

OFFICER_RIGHTS = ("risk:read", "alerts:write")


@dataclass
class Told:
    """What the demo came to."""

    runs: list[BookRun] = field(default_factory=list)
    alerting: Alerting | None = None
    report: Path | None = None
    seconds_s: float = 0.0

    @property
    def facts(self) -> int:
        """All facts that were sent."""
        return sum(run.facts for run in self.runs)


def tell(address: Address, data: Path, report: Path, console: Console) -> Told:
    """Run the whole story against a system that is up; returns what came out. Refused, NoSystem."""
    began_s = time.monotonic()
    told = Told(report=report)
    text = demo_policy()
    _, secret = KeyRing(data / "keys.json").add("demo-officer", OFFICER_RIGHTS, SystemClock().now().isoformat())
    with Client(address) as client, Client(Address(address.url, secret)) as officer:
        client.post("/risk/v1/policies", {"text": text})
        teller = Teller(client, officer, console)
        for profile, files in tapes():
            told.runs.append(_replay(client, profile, files, data, console, teller))
        told.alerting = read_alerting(client, rules_of(text))
    report.parent.mkdir(parents=True, exist_ok=True)
    page = render(told.alerting, told.runs, teller.acknowledged, version("tocsin"))
    report.write_text(page, encoding="utf-8")
    told.seconds_s = time.monotonic() - began_s
    return told


def rules_of(text: str) -> Sequence[Rule]:
    """Return the rules of a policy text; NoSystem names its errors, because then nothing can be shown."""
    parsed = parse(text, Catalogue(INDICATORS, ATTRIBUTES))
    if parsed.policy is None:
        raise NoSystem("; ".join(f"line {error.line}: {error.message}" for error in parsed.errors))
    return parsed.policy.rules


def _replay(
    client: Client, profile: Profile, files: list[Path], data: Path, console: Console, teller: Teller
) -> BookRun:
    """Replay one tape; after each close wait until risk has rated it, and tell what it decided."""
    book = profile.book
    tape = profile.read(files, book)
    console.rule(f"[bold]book {book}[/bold]", style="dim", align="left")
    console.print(
        f"[dim]{source_note(profile.name)[0]}: {len(tape.facts):,} facts, {len(tape.rejects)} rejects[/dim]\n"
    )

    def closed(_: Day) -> None:
        wait_until_evaluated(client, book)
        teller.look()

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
