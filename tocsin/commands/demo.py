"""`tocsin demo`: the whole product on real loans and projects, from nothing, in one command."""

import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from tocsin.client import Address
from tocsin.console import out, percent
from tocsin.demo.cast import settings_of
from tocsin.demo.child import ServedSystem
from tocsin.demo.sinks import HookSink, MailSink, listening
from tocsin.demo.story import Told, tell
from tocsin.report.answers import SYNTHETIC, Arrived

REPORT = Path("demo-report.html")


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the system running and say how to go on.")] = False,
    report: Annotated[Path, typer.Option("--report", help="Where to write the HTML report.")] = REPORT,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder for the system; left out: a fresh one, removed at the end.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port; left out: one that is free.")] = None,
) -> None:
    """Replay real US car loans and New York building projects into a fresh system and tell what rings, and why.

    Nothing in it is written down beforehand: policy, facts and closes go in over HTTP, alerts and figures come out.
    """
    if data is not None and data.exists() and any(data.iterdir()):
        raise typer.BadParameter("the demo wants a folder that is empty or does not exist", param_hint="--data")
    # A stop must reach the `finally` below: the system of the demo is a process of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = out()
    folder = data or Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    console.print(f"[dim]a system of its own in {folder} ...[/dim]")
    mails, hooks = MailSink(), HookSink()
    with listening(mails, hooks):
        system = ServedSystem(folder, port, settings_of(folder / "people.yaml", mails, hooks))
        kept = False
        try:
            address = system.wait_until_ready()
            told = tell(address, (mails, hooks), folder, report, console)
            _summary(told, console)
            kept = keep
            if keep:
                _what_next(address, system, folder, console)
        finally:
            if not kept:
                system.stop()
                if data is None:
                    shutil.rmtree(folder, ignore_errors=True)


def _summary(told: Told, console: Console) -> None:
    console.rule("[bold]summary[/bold]", style="dim", align="left")
    sending_s = sum(run.seconds_s for run in told.runs)
    console.print(f"{told.facts:,} facts in {sending_s:.1f} s, {told.facts / sending_s:,.0f} a second, sent to rated")
    alerts = told.alerting.alerts if told.alerting else []
    peaks = Counter(alert.peak for alert in alerts)
    still = sum(alert.state == "open" for alert in alerts)
    console.print(f"{len(alerts)} alerts: {peaks['red']} reached red, {peaks['amber']} amber; {still} still open")
    _answers(told.arrived, console)
    for run in told.runs:
        for column, reason, count, row in run.rejected:
            console.print(escape(f"{run.book}: {count} rows rejected ({column}: {reason}; first in line {row})"))
        for kind, reason, detail in run.quarantined:
            console.print(escape(f"{run.book}: in quarantine: {kind}: {reason} {detail}".rstrip()))
        if not run.quarantined:
            console.print(f"{run.book}: nothing in quarantine")
    console.print(f"the whole demo took {told.seconds_s:.0f} s")
    console.print(f"report: [bold]{told.report.resolve() if told.report else ''}[/bold]")


def _answers(arrived: Arrived, console: Console) -> None:
    """Say what was sent to people and what came back."""
    console.print(
        f"{arrived.staff} e-mails to officers, {arrived.calls} signed webhook calls ({arrived.refused_calls} refused),"
        f" {arrived.clients} invitations to clients; {arrived.answers} surveys answered"
    )
    said = Counter(verdict.verdict for verdict in arrived.verdicts)
    console.print(f"verdicts: {said['true']} true, {said['false']} false; precision of the policy's rules:")
    for one in arrived.precision:
        judged = one["true"] + one["false"]
        console.print(
            f"  {one['policy']} v{one['version']} {one['rule']}: {percent(one['precision'])} of {judged} judged"
        )
    for one in arrived.surveys[-1:]:
        console.print(
            f"surveys {one['period']}: {one['answered']} of {one['invited']} answered,"
            f" CSAT {percent(one['csat'])}, NPS {one['nps']:+.0f}"
        )
    console.print(f"[dim]{SYNTHETIC}[/dim]")


def _what_next(address: Address, system: ServedSystem, folder: Path, console: Console) -> None:
    console.rule("[bold]it keeps running[/bold]", style="dim", align="left")
    console.print(f"{address.url}, process {system.pid}, everything in {folder}. To go on:\n")
    for line in (
        f"export TOCSIN_DATA={folder}",
        "tocsin alerts list",
        "tocsin indicators missed_payment_rate --book auto",
        "tocsin indicators par30 --book auto --basis exposure --as-of 2020-05-31",
        "tocsin policy show demo",
        "tocsin messages list",
        "tocsin precision",
        f"kill {system.pid}        # stops it; tocsin serve --data {folder} starts it again",
    ):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
