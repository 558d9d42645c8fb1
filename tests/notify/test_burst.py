"""A burst: everybody is told of every alert once, in few messages. Less than it can do, so as to be quick."""

from services.notify.domain.grouping import GROUP_MOST
from shared.kernel.ids import hashed_id
from tests.notify.house import House, alert

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
