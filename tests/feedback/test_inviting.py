"""Who is invited, when, and why not; whatever comes twice or in another order."""

from shared.events.base import Topic
from shared.events.feedback import SurveyInvited
from tests.feedback.house import House, contact, cured, day_closed, loan_closed, repayment, revised

CLOSED, CURED = "loan_closed", "arrears_cured"


async def test_a_paid_off_loan_leads_to_an_invitation_once_its_day_is_closed(house: House) -> None:
    await house.open_book()
    await house.tell(Topic.CONTACTS, contact("C1"))
    await house.tell(Topic.INTAKE, repayment("C1"), loan_closed("L1", "C1", "2024-06-03"))
    assert await house.decide() == 0
    assert await house.outcomes() == {("L1", CLOSED): "waiting"}
    # One lane is not every lane.
    await house.tell(Topic.INTAKE, day_closed("2024-06-03"), lane=0)
    assert await house.decide() == 0
    await house.tell(Topic.INTAKE, day_closed("2024-06-03"), lane=1)
    assert await house.decide() == 1
    (told,) = await house.sent()
    assert isinstance(told, SurveyInvited)
    assert (told.client, told.loan, told.occasion) == ("C1", "L1", CLOSED)
    assert (str(told.invited_on), str(told.expires_on)) == ("2024-06-04", "2024-06-18")
    assert told.expires_at.isoformat() == "2024-06-24T23:59:59+00:00"
    (shown,) = await house.surveys(book="auto", state="invited")
    assert (shown["survey"], shown["reason"]) == (told.survey, None)


async def test_nothing_happens_twice_when_messages_come_twice(house: House) -> None:
    for _ in range(2):
        await house.open_book()
        await house.tell(Topic.CONTACTS, contact("C1"))
        await house.tell(Topic.INTAKE, loan_closed("L1", "C1", "2024-06-03"), loan_closed("L1", "C1", "2024-06-03"))
        await house.tell(Topic.RISK, cured("L2", "C1", "2024-06-03"), revised())
        await house.close("2024-06-03")
    assert sorted((await house.outcomes()).values()) == ["2024-06-04", "too_soon"]
    assert len(await house.sent()) == 1
