"""Revisions as they come: kept, planned once however often they come, composed into one message per recipient."""

import msgspec
import pytest

from services.notify import metrics
from services.notify.handlers.acknowledging import request_acknowledgement
from services.notify.handlers.composing import Taken, gather, keep, put_into_words
from services.notify.handlers.telling import tell_alerts
from services.notify.store import alerts
from services.notify.store.tables import HOUSE
from services.notify.workers import ComposerLoop
from shared.db import migrate, outbox
from shared.events.risk import AlertRequestDecided
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from tests.notify.house import ALERT, CAUSE, NOW, House, alert, record


async def test_the_tables_are_what_the_revisions_make(house: House) -> None:
    assert await migrate.pending(house.database, "services.notify") == []
    assert await migrate.difference(house.database, "services.notify") == []


async def test_an_alert_is_told_from_opening_to_end_once_each(house: House) -> None:
    await house.people()
    story = [
        alert("opened", 1, "amber", explanation={"drivers": [1]}),
        alert("continued", 2, "amber"),
        alert("worsened", 3, "red", explanation={"drivers": [2]}),
        alert("acknowledged", 4, "red"),
        alert("closed", 5),
    ]
    for one in story:
        await house.risk(one)
        # The relay sends at least once: what has come is told again by nobody.
        await house.risk(*story[: one.revision])
        await house.send()
        house.clock.advance(1.0)
    everybody = [("email", "anna"), ("inbox", "anna"), ("email", "bo"), ("inbox", "bo"), ("webhook", "chat")]
    told = [(purpose, channel, recipient) for purpose, channel, recipient, _ in await house.told()]
    assert [one for one in told if one[0] == "opened"] == [("opened", "inbox", "anna")]
    for purpose in ("worsened", "closed"):
        assert sorted(one[1:] for one in told if one[0] == purpose) == sorted(everybody)
    assert len(told) == 11
    messages = await house.messages()
    assert {one.state for one in messages} == {"sent"}
    assert len({one.id for one in messages}) == len(messages) == 11
    async with house.database.read() as tx:
        known = await alerts.alert_with_id(tx, ALERT)
        revisions = await alerts.revisions_of(tx, ALERT, 100)
    assert known is not None
    assert (known.cause_id, known.latest.change, known.explanation) == (CAUSE, "closed", {"drivers": [2]})
    assert (known.acknowledged, known.rang_revision) == (True, 3)
    assert [one.revision for one in revisions] == [1, 2, 3, 4, 5]


async def test_messages_name_their_alert_in_their_reader_s_language_with_a_link_of_their_own(small: House) -> None:
    await small.people()
    await small.risk(alert())
    await small.send()
    texts = {(one.channel, one.destination): one.text for one in await small.messages()}
    assert "20.5 %" in texts["email", "anna@bank.example"]
    assert "账簿" in texts["email", "bo@bank.example"]
    opened = []
    for text in texts.values():
        token = text.partition("/notify/v1/pages/alerts/")[2].split()[0]
        opened.append(small.desk.links.open("alert", token, NOW))
    assert {one.subject for one in opened} == {ALERT}
    assert {one.holder for one in opened} == {"anna", "bo", "chat"}
    (hook,) = small.channels["webhook"].sent
    assert hook.payload["data"]["notices"][0]["alert"] == ALERT
    assert hook.url == "https://chat.bank.example/hook"


async def test_a_burst_is_one_message_for_each_recipient_and_channel(small: House) -> None:
    house = small.other("me", group_window_s=5.0)
    await house.people()
    for number in range(4):
        await house.risk(*(alert(alert=hashed_id(number, part)) for part in range(5)))
        house.clock.advance(1.0)
    assert await house.compose() == 0, "the window of the first is still open"
    house.clock.advance(1.0)
    assert await house.compose() == 5
    await house.risk(alert(alert=hashed_id("later")))
    house.clock.advance(5.0)
    assert await house.compose() == 5
    notices = await house.notices()
    assert [sum(one.message == message.id for one in notices) for message in await house.messages()] == [20] * 5 + [
        1
    ] * 5


async def test_two_composers_make_each_message_once(house: House) -> None:
    await house.people()
    await house.risk(alert())
    work = house.composer()
    other: ComposerLoop = house.other().composer()
    async with house.database.claim("notify compose") as held:
        assert held
        assert await other.compose_all() == 0
        assert await work._compose_some() == 5
    # Even if both believed to be the only one.
    await house.risk(alert("worsened", 2))
    made = [await one._compose_some() for one in (work, other)]
    assert made == [5, None]
    assert len(await house.messages()) == 10


async def test_what_no_route_sends_to_anybody_is_in_the_fallback_s_inbox_and_counted(small: House) -> None:
    counter = metrics.UNROUTED.labels("no_route")
    before = counter._value.get()
    await small.risk(alert())
    await small.send()
    (one,) = await small.messages()
    assert (one.channel, one.recipient, one.state) == ("inbox", "operator", "sent")
    assert counter._value.get() == before + 1


async def test_what_waits_for_working_hours_goes_when_they_begin(house: House) -> None:
    await house.people(
        "people:\n  anna: {email: a@b.example, hours: {from: 11:00, to: 12:00}}\n"
        "routes:\n  all: {people: [anna], channels: [email]}\n"
    )
    await house.risk(alert(level="amber"))
    await house.risk(alert(alert=hashed_id("red")))
    assert await house.compose() == 1
    house.clock.advance(3_599.0)
    assert await house.compose() == 0
    house.clock.advance(1.0)
    await house.send()
    assert len(house.channels["email"].sent) == 2


async def test_a_person_or_endpoint_that_is_gone_before_it_is_told_is_dropped_visibly(small: House) -> None:
    await small.people()
    await small.risk(alert())
    await small.people("people:\n  bo: {}\n")
    await small.send()
    gone = {(one.channel, one.recipient) for one in await small.notices() if one.reason == "recipient_gone"}
    assert gone == {("email", "anna"), ("inbox", "anna"), ("webhook", "chat")}
    # Bo has no address any more: both messages are in the inbox.
    assert {(one.channel, one.recipient) for one in await small.messages()} == {("inbox", "bo")}


async def test_without_a_mail_server_the_inbox_takes_what_staff_are_told(small: House) -> None:
    await small.people()
    small.desk = small.other().desk.__class__(
        small.settings, small.desk.links, small.desk.words, "me", 2, frozenset({"inbox", "webhook"})
    )
    await small.risk(alert())
    await small.compose()
    assert {one.channel for one in await small.messages()} == {"inbox", "webhook"}


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_a_reminder_when_nobody_acknowledged_in_the_policy_s_time_once(house: House, acknowledged: bool) -> None:
    await house.people()
    await house.risk(alert("opened", 1, "amber", acknowledge_within_h=4.0))
    await house.send()
    house.clock.advance(4 * 3_600.0 - 1.0)
    if acknowledged:
        await house.risk(alert("acknowledged", 2, "amber", acknowledge_within_h=4.0))
    await house.send()
    assert [one.purpose for one in await house.messages()] == ["opened"]
    house.clock.advance(1.0)
    for _ in range(2):
        await house.send()
        house.clock.advance(8 * 3_600.0)
    reminders = [] if acknowledged else ["reminder"]
    assert [one.purpose for one in await house.messages()] == ["opened", *reminders]
    # It got worse: asked for anew, once.
    await house.risk(alert("worsened", 3, "red", acknowledge_within_h=1.0))
    await house.send()
    house.clock.advance(3_600.0)
    await house.send()
    purposes = [one.purpose for one in await house.messages() if one.recipient == "chat"]
    assert purposes == ["worsened", "reminder"]


async def test_an_alert_that_is_over_is_not_reminded_of(small: House) -> None:
    await small.risk(alert(acknowledge_within_h=1.0), alert("closed", 2))
    small.clock.advance(3_600.0)
    await small.send()
    assert {one[0] for one in await small.told()} == {"opened", "closed"}


async def test_the_settings_say_when_to_remind_where_the_policy_does_not(small: House) -> None:
    house = small.other("me", remind_after_h=2.0)
    await house.risk(alert())
    house.clock.advance(7_200.0)
    await house.send()
    assert [one[0] for one in await house.told()] == ["opened", "reminder"]


async def test_acknowledging_is_one_request_keyed_by_the_cause_until_it_gets_worse(house: House) -> None:
    await house.risk(alert("opened", 1, "amber"))

    async def ask(by: str) -> tuple[str, bool, str | None]:
        async with house.database.transaction() as tx:
            done = await request_acknowledgement(tx, ALERT, by, "on it", 2)
        assert done is not None
        return done.asked.id, done.new, done.asked.decision

    first = await ask("anna")
    assert first[1:] == (True, None)
    assert await ask("anna") == (first[0], False, None)
    assert (await ask("bo"))[0] != first[0]
    decided = AlertRequestDecided(
        request=first[0], alert=ALERT, kind="acknowledgement", decision="accepted", by="anna", decided_at=NOW
    )
    await house.risk(decided, decided, alert("acknowledged", 2, "amber"))
    assert (await ask("anna"))[1:] == (False, "accepted")
    async with house.database.read() as tx:
        known = await alerts.alert_with_id(tx, ALERT)
        lane = await outbox.unsent(tx, HOUSE, "tocsin.notify", lane_of(CAUSE, 2), 10)
    assert known is not None
    assert known.acknowledgement is not None
    assert (known.acknowledgement.by, known.acknowledgement.comment) == ("anna", "on it")
    assert [row.key for _, row in lane] == [CAUSE.encode()] * 2
    await house.risk(alert("worsened", 3, "red"))
    assert (await ask("anna"))[1] is True


async def test_asking_about_an_alert_that_is_not_known(small: House) -> None:
    async with small.database.transaction() as tx:
        assert await request_acknowledgement(tx, ALERT, "anna", "", 2) is None


async def test_a_record_that_is_not_what_it_says_is_refused_whole(small: House) -> None:
    broken = record(alert(), CAUSE)._replace(value=b"{}")
    async with small.database.transaction() as tx:
        with pytest.raises(msgspec.ValidationError, match="missing required field"):
            await tell_alerts(tx, [record(alert(), CAUSE), broken], small.desk)
    assert await small.notices() == []


async def test_what_is_repeated_after_the_routes_changed_tells_nobody_else(small: House) -> None:
    await small.risk(alert())
    await small.people()
    await small.risk(alert(), alert(alert=hashed_id("another")))
    assert [one.recipient for one in await small.notices() if one.subject == ALERT] == ["operator"]


async def test_notices_that_were_composed_elsewhere_are_not_composed_again_in_another_group(small: House) -> None:
    await small.people()
    await small.risk(alert())
    async with small.database.read() as tx:
        work = await gather(tx, small.desk)
    assert work is not None
    await small.risk(alert(alert=hashed_id("another")))
    await small.compose()
    with pytest.raises(Taken):
        async with small.database.transaction() as tx:
            await keep(tx, await put_into_words(work, small.desk))
    assert len(await small.messages()) == 5
