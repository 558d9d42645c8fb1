"""The end of a world, read from its databases, and whether it is as it must be."""

import traceback
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import select

from services.risk.store.tables import LOAN, PROJECT, SURVEY
from shared.kernel.ids import hashed_id
from tests.risk.truth import kept_cells, outcome, true_cells
from tests.support import small_book
from tests.support.invariants import (
    Asked,
    Message,
    Violation,
    at_rest,
    each_once,
    equal,
    messages_once,
    nothing_between,
    passed_on,
    same_alerts,
)
from tests.support.simulator.course import disturb, live
from tests.support.simulator.database import SimulatedDatabase
from tests.support.simulator.loop import simulate
from tests.support.simulator.process import Fate, Process
from tests.support.simulator.world import World, shape_of

_SURVEYED = frozenset({"survey_response_rate", "csat", "nps"})
"""What depends on when somebody was asked and answered, and so on more than the facts."""


class End(NamedTuple):
    """What became of a world."""

    seed: int
    violations: list[Violation]
    trace: str
    counts: dict[str, int]


class Undisturbed(NamedTuple):
    """What must not depend on any disturbance (D14)."""

    values: dict[Any, Any]
    alerts: list[Any]


def run(seed: int) -> End:
    """Disturb the world of a seed, and tell what is wrong in the end."""
    # The undisturbed world first: all worlds of this process share their databases' connections.
    wanted = undisturbed(shape_of(seed))
    world = World(seed)
    try:
        violations = simulate(_disturbed(world, wanted))
    except Exception as error:  # noqa: BLE001 - whatever broke: its seed is named, and the others go on
        violations = [Violation("a world comes to its end", "".join(traceback.format_exception(error)))]
    return End(seed, violations, world.fate.trace, world.fate.counts)


@cache
def undisturbed(shape: int) -> Undisturbed:
    """Return the end of a world of some shape that nobody disturbed; AssertionError when even that one is wrong."""
    world = World(0, shape)
    end, violations = simulate(_calm(world))
    assert not violations, violations
    return end


async def _disturbed(world: World, wanted: Undisturbed) -> list[Violation]:
    left = await disturb(world)
    found = await violations_of(world, left)
    end = await _outcome(world)
    return [
        *found,
        *equal("final values", end.values, wanted.values),
        *same_alerts(end.alerts, wanted.alerts),
    ]


async def _calm(world: World) -> tuple[Undisturbed, list[Violation]]:
    left = await live(world)
    found = await violations_of(world, left)
    return await _outcome(world), found


async def violations_of(world: World, left: dict[str, int]) -> list[Violation]:
    """Return everything that is wrong with the end of a world, as far as it can be told from itself."""
    return [
        *(Violation("no process falls by itself", fall) for fall in world.falls),
        *at_rest("work", left),
        *(
            Violation("positions are moved on, by their owners", moved)
            for database in world.databases.values()
            for moved in database.moved
        ),
        *_facts(world),
        *await _counted(world),
        *_alerts_told(world),
        *_messages(world),
        *_requests(world),
        *_surveys(world),
        *_contacts(world),
    ]


def _quiet(world: World, service: str) -> SimulatedDatabase:
    """Return a database as somebody sees it whom nothing disturbs."""
    return SimulatedDatabase(world.databases[service], Process("reader", Fate(0), lambda _process: None))


def _facts(world: World) -> list[Violation]:
    intake, risk = world.databases["intake"], world.databases["risk"]
    taken = intake.values("SELECT event_id FROM ledger")
    held = intake.values("SELECT origin_id FROM quarantine")
    folded = risk.values("SELECT event_id FROM ledger WHERE type NOT LIKE 'tocsin.survey.%'")
    dead = {
        f"{name}'s letters": len(database.values("SELECT id FROM dead_letter"))
        for name, database in world.databases.items()
        if name != "intake"
    }
    asked = Asked([one["id"] for one in world.book.facts])
    return [
        *each_once("intake's ledger", intake.values("SELECT origin_id FROM ledger")),
        *nothing_between(asked, intake.values("SELECT origin_id FROM ledger"), held),
        *equal("quarantine", dict.fromkeys(held), dict.fromkeys(world.book.held)),
        *passed_on("facts from intake to risk", taken, folded),
        *at_rest("dead letters", dead),
    ]


async def _counted(world: World) -> list[Violation]:
    """Counters and states are those of the slow truth (D4)."""
    database: Any = _quiet(world, "risk")
    cells, states = await true_cells(database, small_book.BOOK)
    kept = await kept_cells(database, small_book.BOOK)
    saved: dict[str, object] = {}
    async with database.read() as tx:
        for table in (LOAN, PROJECT, SURVEY):
            saved |= {row.subject: row.state for row in await tx.rows(select(table))}
    monthly = world.databases["risk"].rows("SELECT tally, sum(value) FROM counter_month GROUP BY tally ORDER BY tally")
    daily = world.databases["risk"].rows("SELECT tally, sum(value) FROM counter GROUP BY tally ORDER BY tally")
    return [
        *equal("counters", kept, cells),
        *equal("states", saved, states),
        *equal("monthly counters", dict(monthly), dict(daily)),
    ]


async def _outcome(world: World) -> Undisturbed:
    database: Any = _quiet(world, "risk")
    end = await outcome(database, small_book.BOOK)
    values = {key: value for key, value in end["values"].items() if key[0] not in _SURVEYED}
    return Undisturbed(values, end["alerts"])


def _alerts_told(world: World) -> list[Violation]:
    """Every revision of an alert is with notify once, the last one with feedback; who is to be told of it, is."""
    risk, notify, feedback = (world.databases[name] for name in ("risk", "notify", "feedback"))
    revisions = "SELECT alert, revision FROM alert_revision"
    rang = notify.values("SELECT DISTINCT alert FROM alert_revision WHERE revision = 1")
    noticed = notify.values("SELECT DISTINCT subject FROM notice WHERE purpose = 'opened'")
    return [
        *passed_on("alert revisions from risk to notify", risk.rows(revisions), notify.rows(revisions)),
        *equal(
            "alerts at feedback",
            dict(feedback.rows("SELECT id, revision FROM alert")),
            dict(risk.rows("SELECT id, revision FROM alert")),
        ),
        *passed_on("openings to notices", rang, noticed),
    ]


def _messages(world: World) -> list[Violation]:
    notify = world.databases["notify"]
    rows = notify.rows("SELECT id, channel, state FROM message")
    messages = [Message(one, channel, state, channel != "email") for one, channel, state in rows]
    named = notify.values("SELECT DISTINCT message FROM notice WHERE message <> ''")
    return [
        *messages_once(messages, world.receivers.taken),
        *passed_on("messages of notices", named, [message.id for message in messages]),
        *(Violation("a message has the same bytes each time", one) for one in world.receivers.changed),
    ]


def _requests(world: World) -> list[Violation]:
    """Acknowledgements and verdicts: each is decided by risk once, and the decision is where it was asked (D15)."""
    risk, notify, feedback = (world.databases[name] for name in ("risk", "notify", "feedback"))
    decided = dict(risk.rows("SELECT request, decision FROM alert_request"))
    acknowledged = dict(notify.rows("SELECT id, decision FROM alert_request WHERE kind = 'acknowledgement'"))
    judged = dict(feedback.rows("SELECT request, decision FROM verdict"))
    by_people = feedback.rows('SELECT alert, "by" FROM verdict')
    # Of an alert that rang anew meanwhile, asking again is another request.
    seen = notify.rows("SELECT DISTINCT alert, \"by\" FROM alert_request WHERE kind = 'acknowledgement'")
    # The same words on another day are another remark.
    days = feedback.rows("SELECT subject, \"by\", at / 86400000000 FROM remark WHERE kind = 'alert'")
    remarks = sorted({one[:2] for one in days})
    accepted = risk.values("SELECT request FROM alert_request WHERE kind = 'verdict' AND decision = 'accepted'")
    return [
        *equal("decisions where they were asked", acknowledged | judged, decided),
        *passed_on("verdicts that count", accepted, risk.values("SELECT request FROM verdict")),
        *_kept(world, "verdict", by_people),
        *_kept(world, "acknowledgement", seen),
        *each_once("remarks of a day", days),
        *_kept(world, "remark", remarks),
    ]


def _kept(world: World, what: str, kept: list[tuple[Any, ...]]) -> list[Violation]:
    """What somebody was told to be done is there once; what nobody was told may be there, once."""
    ids = ["/".join(map(str, one)) for one in kept]
    done = ["/".join(one[1:]) for one in world.people.done if one[0] == what]
    begun = ["/".join(one[1:]) for one in world.people.begun if one[0] == what]
    return [*each_once(what, ids), *nothing_between(Asked(done, unknown=begun), ids)]


def _surveys(world: World) -> list[Violation]:
    risk, notify, feedback = (world.databases[name] for name in ("risk", "notify", "feedback"))
    invited = feedback.values("SELECT id FROM survey WHERE state IN ('invited', 'answered')")
    answered = feedback.values("SELECT id FROM survey WHERE state = 'answered'")
    told = [hashed_id(one, "invited") for one in invited] + [hashed_id(one, "answered") for one in answered]
    return [
        *passed_on(
            "surveys to risk", told, risk.values("SELECT event_id FROM ledger WHERE type LIKE 'tocsin.survey.%'")
        ),
        *passed_on("invitations to notify", invited, notify.values("SELECT id FROM survey")),
        *passed_on(
            "invitations to notices", invited, notify.values("SELECT subject FROM notice WHERE purpose = 'survey'")
        ),
        *_kept(world, "answer", [(one,) for one in answered]),
        *passed_on("answers' texts", answered, feedback.values("SELECT survey FROM remark WHERE author = 'client'")),
    ]


def _contacts(world: World) -> list[Violation]:
    put = world.databases["intake"].rows("SELECT book || '/' || client, version FROM contact")
    known = world.databases["notify"].rows("SELECT id, version FROM contact WHERE version > 0")
    asked = world.databases["feedback"].rows("SELECT book || '/' || client, version FROM contact")
    return [
        *equal("contacts at notify", dict(known), dict(put)),
        *equal("contacts at feedback", dict(asked), dict(put)),
    ]
