"""Every revision is answered once (R12): by how many are told, also when nobody is, and when a person gave it up."""

import msgspec
from sqlalchemy import update

from services.notify.handlers.answering import answer_dismissed, answer_risk
from services.notify.store.tables import DEAD_LETTER, HOUSE, MORGUE, REVISION
from shared.db import letters, outbox
from shared.db.letters import DISMISSED, RETRIED, Why, bury
from shared.events.notify import AlertPlanned
from shared.log.lanes import lane_of
from tests.notify.house import ALERT, CAUSE, House, alert, record

_decode = msgspec.json.Decoder(AlertPlanned).decode


async def answers(house: House) -> list[tuple[int, int]]:
    """What waits to leave: (revision, notices), from the cause's lane."""
    async with house.database.read() as tx:
        rows = await outbox.unsent(tx, HOUSE, "tocsin.notify", lane_of(CAUSE, house.desk.partitions), 1_000)
    told = [_decode(one.value) for _, one in rows]
    assert {one.alert for one in told} <= {ALERT}
    return [(one.revision, one.notices) for one in told]


async def test_a_revision_is_answered_once_with_the_number_of_those_who_are_told(house: House) -> None:
    await house.people()
    await house.risk(alert(), alert("eased", 2))
    assert await answers(house) == [], "a burst is planned first"
    await house.compose()
    told = [notice for notice in await house.notices() if notice.revision == 1]
    assert await answers(house) == [(1, len(told)), (2, 0)]
    assert told
    await house.risk(alert())
    await house.compose()
    assert len(await answers(house)) == 2


async def test_what_an_older_version_took_and_did_not_answer_is_answered(house: House) -> None:
    await house.risk(*(alert("eased", number) for number in range(1, 251)))
    await house.compose()
    assert len(await answers(house)) == 250, "page by page"
    async with house.database.transaction() as tx:
        lane = lane_of(CAUSE, house.desk.partitions)
        sent = await outbox.unsent(tx, HOUSE, "tocsin.notify", lane, 1_000)
        await outbox.forget(tx, HOUSE, "tocsin.notify", lane, [seq for seq, _ in sent])
        await tx.execute(update(REVISION).where(REVISION.c.revision == 7).values(answered=False))
        assert await answer_risk(tx, house.desk) == 1
    assert await answers(house) == [(7, 0)]


async def test_a_revision_that_a_person_gives_up_is_answered_and_one_that_is_retried_is_not(house: House) -> None:
    lost = record(alert("opened", 3), CAUSE)
    async with house.database.transaction() as tx:
        (letter,) = await bury(tx, MORGUE, [(lost, Why("undigestible", "ValueError: no"))])
        kept = await letters.letter_with_id(tx, DEAD_LETTER, letter.id)
        assert kept is not None
        await answer_dismissed(tx, house.desk, kept._replace(state=RETRIED))
        await answer_dismissed(tx, house.desk, kept._replace(state=DISMISSED, body=b"{"))
        await answer_dismissed(tx, house.desk, kept._replace(state=DISMISSED))
    assert await answers(house) == [(3, 0)]
