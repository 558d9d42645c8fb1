"""A process killed between send and record, for real: nothing is sent again unless its receiver drops repeats."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.notify.domain.retrying import MessageState
from shared.clock import FrozenClock
from shared.db import migrate
from shared.db.sqlite import open_sqlite
from tests.notify.house import NOW, House, alert

CHILD = '''
import asyncio, sys
from pathlib import Path
from shared.clock import FrozenClock
from shared.db.sqlite import open_sqlite
from services.notify.domain.delivery import Outcome, Report
from tests.notify.house import NOW, House, Recorder

class Written(Recorder):
    """Leaves what it took in a file, as a receiver would."""
    async def send(self, message):
        with open(sys.argv[2], "a") as file:
            file.write(message.id + "\\n")
        return Report(Outcome.SENT, "taken")

async def main():
    clock = FrozenClock(NOW)
    clock.advance(float(sys.argv[4]))
    database = open_sqlite(Path(sys.argv[1]), clock)
    house = House(database, clock, owner=sys.argv[4])
    channel = sys.argv[3]
    house.channels[channel] = Written(channel, repeats_dropped=channel == "webhook")
    await house.sender(channel).send_all()
    await database.close()

asyncio.run(main())
'''


def run(database: Path, receiver: Path, channel: str, later_s: float, crash_at: str = "") -> int:
    """Send what is due in a process of its own, some time later; return how it ended."""
    arguments = [sys.executable, "-c", CHILD, str(database), str(receiver), channel, str(later_s)]
    return subprocess.run(arguments, env={**os.environ, "TOCSIN_CRASH_AT": crash_at}, timeout=60).returncode


@pytest.mark.parametrize(
    ("channel", "point"),
    [("email", "notify.before_send"), ("email", "notify.after_send"), ("webhook", "notify.after_send")],
)
async def test_killed_at_a_send(tmp_path: Path, channel: str, point: str) -> None:
    file, receiver = tmp_path / "notify.db", tmp_path / "received"
    receiver.touch()
    clock = FrozenClock(NOW)
    database = open_sqlite(file, clock)
    await migrate.upgrade(database, "services.notify")
    house = House(database, clock)
    await house.people()
    await house.risk(alert())
    await house.compose()
    await database.close()

    assert run(file, receiver, channel, 0.0, f"{point}:1") == 128 + signal.SIGKILL
    taken = receiver.read_text().split()
    assert len(taken) == (1 if point == "notify.after_send" else 0)
    # While the lease lasts nobody touches what was under way; the other recipients get theirs.
    assert run(file, receiver, channel, 1.0) == 0
    assert run(file, receiver, channel, 120.0) == 0
    received = receiver.read_text().split()

    database = open_sqlite(file, clock)
    messages = {one.id: one for one in await House(database, clock).messages() if one.channel == channel}
    attempts = [one for one in await House(database, clock).attempts() if one.outcome == "unknown"]
    await database.close()
    if channel == "webhook":
        assert {one.state for one in messages.values()} == {MessageState.SENT}
        assert set(received) == set(messages)
    else:
        unknown = [one.id for one in messages.values() if one.state == MessageState.UNKNOWN]
        assert [one.message for one in attempts] == unknown
        assert len(unknown) == 1
        assert len(received) == len(set(received)), "nothing is sent twice"
        assert set(messages) - set(received) <= set(unknown), "nothing is missed without being shown"
