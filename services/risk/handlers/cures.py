"""Cures of arrears, told to the world in the transaction of the fold, once per spell of arrears.

A cure is told when its repayment comes, so what is told is what was known then. A back-dated fact that moves the cure
of a spell, or its beginning, makes no second message; one that undoes a cure does not take the message back, and the
cure that follows later in the same spell is not told again. A cure that only comes to light by a back-dated fact is
told then, with its own, earlier, value date.
"""

from collections.abc import Iterable

import msgspec

from services.risk.domain.moments import moment_of
from services.risk.handlers.outcome import CureFound
from services.risk.store import cures
from services.risk.store.tables import HOUSE, SOURCE
from shared.db import outbox
from shared.db.outbox import OutboxRow
from shared.db.port import Tx
from shared.events.envelope import Envelope, to_headers
from shared.events.risk import LoanArrearsCured
from shared.kernel.days import date_of
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from shared.telemetry import onward


async def tell_cures(tx: Tx, found: Iterable[CureFound], partitions: int) -> None:
    """Put a message about each cure of a spell that nobody was told of into the outbox."""
    ordered = sorted(found, key=lambda one: (one.subject, one.cure))
    spells = await cures.spells_of(tx, [one.subject for one in ordered])
    fresh: list[CureFound] = []
    for one in ordered:
        told = spells.setdefault(one.subject, [])
        since, cured_on = one.cure.since, one.cure.cured_on
        if not any(since < other_end and other_since < cured_on for other_since, other_end in told):
            told.append((since, cured_on))
            fresh.append(one)
    if fresh:
        await cures.add_spells(tx, [(one.subject, one.cure.since, one.cure.cured_on) for one in fresh])
        await outbox.put(tx, HOUSE, [_message(tx, one, partitions) for one in fresh])


def _message(tx: Tx, found: CureFound, partitions: int) -> OutboxRow:
    cure = found.cure
    message = LoanArrearsCured(
        book=found.book,
        client=found.client,
        loan=found.loan,
        value_date=date_of(cure.cured_on),
        known_at=moment_of(found.known_at_us),
        days_past_due=cure.days_past_due,
    )
    event_id = hashed_id("arrears cured", found.subject, cure.since)
    envelope = Envelope(
        id=event_id,
        source=SOURCE,
        type=message.type,
        time=tx.now,
        subject=found.loan,
        book=found.book,
        client=found.client,
        known_at=message.known_at,
        traceparent=onward(found.origin),
    )
    key = f"{found.book}/{found.client}"
    body = msgspec.json.encode(message)
    return OutboxRow(event_id, message.topic, lane_of(key, partitions), key, to_headers(envelope), body)
