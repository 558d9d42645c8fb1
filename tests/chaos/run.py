"""One run: set up, load and faults together, mend, come to rest, stop, judge."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpx

from tests.chaos.book import OPENING, POLICY, Script, write_script
from tests.chaos.calm import read_calm_ending, tell_calmly
from tests.chaos.checker import judge
from tests.chaos.ending import Ending, read_ending
from tests.chaos.faults import Nemesis, draw_for_files, draw_for_servers, supervised
from tests.chaos.files import FileWorld
from tests.chaos.history import History, asked_for, read_history
from tests.chaos.load import Load, Reach
from tests.chaos.pace import Pace
from tests.chaos.rest import come_to_rest
from tests.chaos.servers import ServerWorld
from tests.chaos.world import World
from tests.support.invariants import Violation, at_rest

Where = Literal["embedded", "servers"]
REST_WITHIN_S = 180.0
_CLIENTS_PER_S = 1.5


class Report(NamedTuple):
    """What one run came to."""

    seed: int
    where: Where
    operations: int
    faults: int
    messages: int
    unknown: int
    """Messages that may have been sent, and are shown so."""
    violations: list[Violation]
    history: Path

    def closing_line(self) -> str:
        """Return the one line that tells it."""
        outcome = f"{len(self.violations)} VIOLATIONS" if self.violations else "all invariants hold"
        done = f"{self.operations} operations, {self.faults} faults, {self.messages} messages, {self.unknown} unknown"
        return f"chaos seed={self.seed} where={self.where}: {done}: {outcome}"


async def run(seed: int, where: Where, seconds: float, folder: Path) -> Report:
    """Run once in an empty folder; everything that is decided beforehand follows from the seed."""
    dice = random.Random(seed)
    script = write_script(dice, int(20 + _CLIENTS_PER_S * seconds))
    loop = asyncio.get_running_loop()
    began = loop.time()
    history = History(folder / "history.jsonl", lambda: loop.time() - began)
    world: World
    if where == "embedded":
        world = FileWorld(folder, history)
        faults = draw_for_files(dice, seconds, clocks=world.has_clocks)
    else:
        world = ServerWorld(folder, history, random.Random(f"foreign {seed}"))
        faults = draw_for_servers(dice, seconds, clocks=world.has_clocks)
    try:
        await world.start()
        pace = Pace()
        reach = Reach(world.url_of, world.key, world.foreign)
        load = Load(script, reach, history, random.Random(f"officers {seed}"), seconds, pace)
        await asyncio.to_thread(_open_book, world)
        async with supervised(world), pace.going():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(load.talk())
                tasks.create_task(Nemesis(world, pace).disturb(faults))
            history.note("the faults are over")
            await world.heal()
            await load.insist(REST_WITHIN_S)
            if world.foreign is not None:
                await world.foreign.close()
            history.note("everything is said")
            left = await come_to_rest(world, REST_WITHIN_S)
            history.note(f"at rest but for {left}" if left else "at rest")
        strange = [*load.strange, *world.strange, *await _read_back(load, script, history)]
        await load.close()
        await world.stop_processes()
        history.close()
        violations = [*at_rest("work", left), *(Violation("nothing strange", one) for one in strange)]
        ending = await read_ending(world.open, script.facts)
        violations += await _judged(world, script, ending, read_history(history.path))
    finally:
        await world.close()
    unknown = sum(message.state == "unknown" for message in ending.messages)
    counts = (history.operations, history.faults, len(ending.messages), unknown)
    return Report(seed, where, *counts, violations, history.path)


def _open_book(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.key()}"}
    for path, body in (("/intake/v1/books", OPENING), ("/risk/v1/policies", {"text": POLICY})):
        url = world.url_of(path.split("/")[1]) + path
        answer = httpx.post(url, json=body, headers=headers, timeout=30)
        assert answer.status_code == 201, answer.text


async def _read_back(load: Load, script: Script, history: History) -> list[str]:
    """Ask what became of every fact that got no answer, as its sender would; the answer must be one of two."""
    lines = read_history(history.path)
    wrong = []
    for name in asked_for(lines, "facts").unknown:
        found = await load.read(f"/intake/v1/facts/{name}")
        history.note(f"{name}: {found['outcome'] if found else 'not there'}")
        if found and name in script.facts and found["outcome"] not in ("accepted", "waiting"):
            wrong.append(f"{name} got no answer and is {found['outcome']}")
    return wrong


async def _judged(world: World, script: Script, ending: Ending, lines: Sequence[Mapping[str, Any]]) -> list[Violation]:
    folder = world.folder
    there = {*ending.ledger, *ending.quarantine}
    told = [fact for name, fact in script.facts.items() if name in there]
    await asyncio.to_thread(tell_calmly, folder / "calm", told, script.closes)
    calm = await read_calm_ending(folder / "calm", script.facts)
    hooks, mails = world.hooks.hooks, world.mails.mails
    arrived = [*(hook.id for hook in hooks), *(mail.id.strip("<>").partition("@")[0] for mail in mails)]
    notices: dict[str, list[str]] = {hook.id: [_notice(one) for one in hook.body["data"]["notices"]] for hook in hooks}
    return judge(lines, ending, calm, arrived, notices)


def _notice(told: Mapping[str, Any]) -> str:
    return f"{told['alert']} {told['revision']} {told['purpose']}"
