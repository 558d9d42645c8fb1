"""A burst: everybody is told of every alert once, in few messages. Less than it can do, so as to be quick."""

from typing import Any, cast

from services.notify.domain.grouping import GROUP_MOST
from services.notify.handlers.telling import tell_alerts
from services.notify.store.notices import ROWS_AT_ONCE
from shared.db.port import Tx
from shared.kernel.ids import hashed_id
from tests.notify.house import CAUSE, House, alert, record

PEOPLE, ALERTS = 20, 600


async def test_a_burst_of_alerts_to_many_people(house: House) -> None:
    entries = "".join(f"  p{number}: {{roles: [credit_officer]}}\n" for number in range(PEOPLE))
    await house.people(f"people:\n{entries}routes:\n  owner: {{owner: true}}\n")
    alerts = [alert(alert=hashed_id(number), segment=f"region=R{number % 50}") for number in range(ALERTS)]
    await house.risk(*alerts)
    await house.risk(*alerts)
    await house.send("inbox")
    sent = house.channels["inbox"].sent
    assert len(sent) == len({one.id for one in sent}) == PEOPLE * -(-ALERTS // GROUP_MOST)
    notices = await house.notices()
    assert len({(one.subject, one.recipient) for one in notices}) == len(notices) == PEOPLE * ALERTS
    assert {one.state for one in notices} == {"told"}
    assert {one.message for one in notices} == {one.id for one in sent}


class Counting:
    """A transaction that counts what is asked of the database."""

    def __init__(self, tx: Tx) -> None:
        self._tx, self.asked = tx, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._tx, name)
        self.asked += name in ("execute", "rows", "row", "insert", "insert_new", "upsert", "lock")
        return found


async def test_planning_asks_the_database_by_sets_and_not_by_recipient(small: House) -> None:
    entries = "".join(f"  p{number}: {{roles: [credit_officer]}}\n" for number in range(PEOPLE))
    await small.people(f"people:\n{entries}routes:\n  owner: {{owner: true}}\n")
    asked = []
    for batch in ([alert()], [alert(alert=hashed_id(number)) for number in range(100)]):
        async with small.database.transaction() as tx:
            counting = Counting(tx)
            await tell_alerts(cast("Tx", counting), [record(one, CAUSE) for one in batch], small.desk)
        asked.append(counting.asked)
    parts = 100 * PEOPLE // ROWS_AT_ONCE
    assert asked[0] + parts - 1 == asked[1] <= 15
