"""How a run ended: what the stopped system's databases hold, as plain data."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import select

from services.feedback.store.tables import VERDICT as GIVEN
from services.intake.store.tables import LEDGER as ACCEPTED
from services.intake.store.tables import QUARANTINE
from services.notify.store.tables import DEAD_LETTER as NOTIFY_DEAD
from services.notify.store.tables import MESSAGE
from services.notify.store.tables import REVISION as HEARD
from services.risk.evaluation.acknowledging import ACKNOWLEDGED
from services.risk.evaluation.revisions import decode_kept
from services.risk.store.tables import ALERT_REVISION
from services.risk.store.tables import DEAD_LETTER as RISK_DEAD
from services.risk.store.tables import LEDGER as FOLDED
from services.risk.store.tables import VERDICT as DECIDED
from shared.db.letters import DeadLetter
from shared.events.base import Topic
from shared.events.envelope import from_headers
from tests.chaos.book import BOOK
from tests.chaos.world import AnyDatabase
from tests.risk.feed import rows_of
from tests.risk.truth import assert_true, kept_cells, outcome, true_cells
from tests.support.invariants import Message

Open = Callable[[str], AnyDatabase]


class Ending(NamedTuple):
    """What is there at the end; facts by the producer's id, `~other` behind it when their body is not the one told."""

    ledger: list[str]
    accepted: list[str]
    """The same by event id."""
    quarantine: dict[str, str]
    """Name to state."""
    folded: list[str]
    """Event ids."""
    dead: dict[str, list[str]]
    """Event ids of dead letters, by service."""
    counters: Mapping[Any, Any]
    true_counters: Mapping[Any, Any]
    untrue: str
    """What else differs from the slow truth."""
    values: Mapping[Any, Any]
    alerts: list[Any]
    told: list[tuple[str, int]]
    """Revisions of alerts as risk has them."""
    heard: list[tuple[str, int]]
    """The same as notify has them."""
    acknowledged: list[str]
    """By whom, once for each revision that says so."""
    given: list[str]
    """Verdicts that feedback keeps, by whom."""
    decided: list[str]
    """Requests of verdicts that risk has taken."""
    agreed: list[str]
    """Requests of verdicts of which feedback says that risk has taken them."""
    messages: list[Message]
    attempts: dict[str, int]


async def read_ending(open_: Open, facts: Mapping[str, Mapping[str, Any]]) -> Ending:
    """Read everything; `facts` are those that were told, by the producer's id."""
    intake, risk, notify, feedback = (open_(name) for name in ("intake", "risk", "notify", "feedback"))
    try:
        accepted = await rows_of(intake, select(ACCEPTED))
        held = await rows_of(intake, select(QUARANTINE))
        result = await outcome(risk, BOOK)
        revisions = await rows_of(risk, select(ALERT_REVISION))
        messages = await rows_of(notify, select(MESSAGE))
        verdicts = await rows_of(feedback, select(GIVEN))
        return Ending(
            ledger=[_name(row, facts) for row in accepted],
            accepted=[row.event_id for row in accepted],
            quarantine={row.origin_id or f"{row.topic}/{row.partition}/{row.offset}": row.state for row in held},
            folded=[row.event_id for row in await rows_of(risk, select(FOLDED).where(FOLDED.c.topic == Topic.INTAKE))],
            dead={
                "risk": [_event_id(row) for row in await rows_of(risk, select(RISK_DEAD))],
                "notify": [_event_id(row) for row in await rows_of(notify, select(NOTIFY_DEAD))],
            },
            counters=await kept_cells(risk, BOOK),
            true_counters=(await true_cells(risk, BOOK))[0],
            untrue=await _untrue(risk),
            values=result["values"],
            alerts=result["alerts"],
            told=[(row.alert, row.revision) for row in revisions],
            heard=[(row.alert, row.revision) for row in await rows_of(notify, select(HEARD))],
            acknowledged=[by for row in revisions if (by := _acknowledged_by(row.body))],
            given=[row.by for row in verdicts],
            decided=[row.request for row in await rows_of(risk, select(DECIDED))],
            agreed=[row.request for row in verdicts if row.decision == "accepted"],
            messages=[Message(row.id, row.channel, row.state, row.channel == "webhook") for row in messages],
            attempts={row.id: row.attempts for row in messages},
        )
    finally:
        for database in (intake, risk, notify, feedback):
            await database.close()


def _name(row: Any, facts: Mapping[str, Mapping[str, Any]]) -> str:
    told = facts.get(row.origin_id)
    same = told is not None and told["data"] == json.loads(row.body)
    return str(row.origin_id) if same else f"{row.origin_id}~other"


def _event_id(row: Any) -> str:
    return from_headers(DeadLetter(*row).record.headers).id


def _acknowledged_by(body: bytes) -> str:
    kept = decode_kept(body)
    return kept.by if kept.reason == ACKNOWLEDGED else ""


async def _untrue(risk: AnyDatabase) -> str:
    try:
        await assert_true(risk, BOOK)
    except AssertionError as wrong:
        return str(wrong)[:500]
    return ""
