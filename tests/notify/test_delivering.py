"""Sending: an intent before, a record after, one process per destination, and what a crash in between means."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from services.notify.domain.delivery import Outcome, Outgoing, Report
from services.notify.handlers.delivering import Lost, record, resend, take_destinations, take_next
from services.notify.store import destinations, messages
from services.notify.store.destinations import Lease
from services.notify.store.tables import DESTINATION
from services.notify.workers import SenderLoop
from shared.kernel.ids import hashed_id
from shared.runtime.bell import Bell
from tests.notify.house import NOW, House, Recorder, alert

ANNA = "anna@bank.example"
PEOPLE = (
    "people:\n  anna: {email: anna@bank.example}\n  bo: {email: bo@bank.example}\n"
    "routes:\n  all: {people: [anna, bo], channels: [email]}\n"
)
AWAY = Report(Outcome.RETRY, "no connection")


async def opened(house: House, alerts: int = 1, text: str = PEOPLE) -> None:
    await house.people(text)
    for number in range(alerts):
        await house.risk(alert(alert=hashed_id(number)))
        await house.compose()
        house.clock.advance(1.0)


async def take(house: House, channel: str = "email", repeats_dropped: bool = False) -> list[Lease]:
    async with house.database.transaction() as tx:
        return await take_destinations(tx, channel, repeats_dropped, 8, house.desk)


async def test_each_message_is_sent_once_with_its_id_and_recorded(house: House) -> None:
    await opened(house, alerts=3)
    await house.send("email")
    await house.send("email")
    sent = house.channels["email"].sent
    assert len(sent) == len({one.id for one in sent}) == 6
    assert {one.state for one in await house.messages()} == {"sent"}
    assert [(one.outcome, one.detail) for one in await house.attempts()] == [("sent", "taken")] * 6


async def test_one_failing_receiver_delays_no_other_and_is_tried_less_and_less(house: House) -> None:
    await opened(house, alerts=2)
    email = house.channels["email"]
    email.answers[ANNA] = [AWAY] * 3
    await house.send("email")
    assert [one.destination for one in email.sent].count("bo@bank.example") == 2
    assert [one.destination for one in email.sent].count(ANNA) == 1
    pauses = []
    for _ in range(3):
        before, waited = len(email.sent), 0.0
        while len(email.sent) == before:
            house.clock.advance(0.5)
            waited += 0.5
            await house.send("email")
        pauses.append(waited)
    assert 2.5 <= pauses[0] <= 5.5
    assert 5.0 <= pauses[1] <= 10.5
    assert 10.0 <= pauses[2] <= 20.5
    assert {one.state for one in await house.messages()} == {"sent"}


async def test_a_message_that_always_fails_lets_others_to_the_same_receiver_pass(small: House) -> None:
    await opened(small, alerts=3)
    first = (await small.messages())[0]

    class Picky(Recorder):
        async def send(self, message: Outgoing) -> Report:
            await super().send(message)
            return AWAY if message.id == first.id else Report(Outcome.SENT, "taken")

    small.channels["email"] = Picky("email")
    for _ in range(3):
        await small.send("email")
        small.clock.advance(20.0)
    states = {one.id: one.state for one in await small.messages()}
    assert states.pop(first.id) == "waiting"
    assert set(states.values()) == {"sent"}


async def test_attempts_are_bounded_and_then_it_has_failed(small: House) -> None:
    house = small.other("me", send_attempts=3)
    await opened(house)
    house.channels["email"].answers[ANNA] = [AWAY] * 9
    for _ in range(5):
        await house.send("email")
        house.clock.advance(3_600.0)
    failed = [one for one in await house.messages() if one.destination == ANNA]
    assert [(one.state, one.reason, one.attempts) for one in failed] == [("failed", "attempts_spent", 3)]


async def test_what_is_too_old_is_given_up_without_being_sent(small: House) -> None:
    house = small.other("me", send_age_h=1.0)
    await opened(house)
    house.clock.advance(3_600.0)
    await house.send("email")
    assert house.channels["email"].sent == []
    assert {(one.state, one.reason) for one in await house.messages()} == {("failed", "too_old")}


async def test_a_refusal_is_final_and_the_next_goes_at_once(small: House) -> None:
    await opened(small, alerts=2)
    small.channels["email"].answers[ANNA] = [Report(Outcome.FAILED, "550 5.1.1")]
    await small.send("email")
    states = [(one.state, one.reason) for one in await small.messages() if one.destination == ANNA]
    assert sorted(states) == [("failed", "refused"), ("sent", "")]


@pytest.mark.parametrize("channel", ["email", "webhook"])
async def test_after_a_crash_between_send_and_record(house: House, channel: str) -> None:
    await opened(
        house,
        text="people:\n  anna: {email: anna@bank.example}\nendpoints:\n  chat:\n    url: https://x.example/\n"
        "    secrets: [whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=]\n"
        "routes:\n  all: {people: [anna], endpoints: [chat], channels: [email]}\n",
    )
    dropped = channel == "webhook"
    (lease,) = await take(house, channel, dropped)
    async with house.database.transaction() as tx:
        parcel = await take_next(tx, lease, house.desk)
    assert parcel is not None
    await house.channels[channel].send(parcel.outgoing)
    # The process ends here. Another one takes over when the lease is over, not before.
    heir = house.other()
    assert await take(heir, channel, dropped) == []
    house.clock.advance((lease.until - house.clock.now()).total_seconds() + 10.0)
    await heir.sender(channel).send_all()
    (message,) = [one for one in await house.messages() if one.channel == channel]
    outcomes = [one.outcome for one in await house.attempts() if one.message == message.id]
    if dropped:
        assert (message.state, outcomes) == ("sent", ["retry", "sent"])
        assert [one.id for one in heir.channels[channel].sent] == [parcel.outgoing.id]
        assert heir.channels[channel].sent == house.channels[channel].sent, "the same bytes"
    else:
        assert (message.state, message.reason, outcomes) == ("unknown", "no_record", ["unknown"])
        assert heir.channels[channel].sent == []


async def test_a_zombie_that_wakes_after_its_lease_records_nothing(house: House) -> None:
    await opened(house)
    (lease, _) = await take(house)
    async with house.database.transaction() as tx:
        parcel = await take_next(tx, lease, house.desk)
    assert parcel is not None
    house.clock.advance(3_600.0)
    await house.other().sender("email").send_all()
    with pytest.raises(Lost):
        async with house.database.transaction() as tx:
            await record(tx, parcel, Report(Outcome.SENT, "late"), 1.0, house.desk, 0.5)
    with pytest.raises(Lost):
        async with house.database.transaction() as tx:
            await take_next(tx, lease, house.desk)
    (message,) = [one for one in await house.messages() if one.id == parcel.outgoing.id]
    assert (message.state, message.reason) == ("unknown", "no_record")


async def test_a_process_that_was_held_up_before_it_sent_sends_nothing(small: House) -> None:
    await opened(small, text=PEOPLE.replace("[anna, bo]", "[anna]"))

    class Late(SenderLoop):
        async def _send(self, parcel):  # type: ignore[no-untyped-def]
            small.clock.advance(25.0)
            return await super()._send(parcel)

    loop = Late(small.database, small.channels["email"], small.desk, small.clock, Bell())
    (lease,) = await take(small)
    await loop.drain(lease)
    assert small.channels["email"].sent == []
    (attempt,) = await small.attempts()
    assert (attempt.outcome, attempt.detail) == ("retry", "this process was held up before it sent anything")


async def test_replicas_at_once_send_each_message_once(house: House) -> None:
    people = "".join(f"  p{number}: {{email: p{number}@b.example}}\n" for number in range(12))
    everybody = ", ".join(f"p{number}" for number in range(12))
    await opened(house, 3, f"people:\n{people}routes:\n  all: {{people: [{everybody}], channels: [email]}}\n")
    replicas = [house, house.other("b"), house.other("c")]
    await asyncio.gather(*(one.sender("email").send_all() for one in replicas))
    await asyncio.gather(*(one.sender("email").send_all() for one in replicas))
    sent = [message.id for one in replicas for message in one.channels["email"].sent]
    assert len(sent) == len(set(sent)) == 36
    assert len(await house.attempts()) == 36


async def test_an_endpoint_that_is_gone_fails_what_waits_for_it(small: House) -> None:
    await small.people()
    await small.risk(alert())
    await small.compose()
    await small.people("")
    await small.sender("webhook").send_all()
    (message,) = [one for one in await small.messages() if one.channel == "webhook"]
    assert (message.state, message.reason) == ("failed", "recipient_gone")


async def test_a_person_sends_again_what_is_unknown_or_failed_and_nothing_else(house: House) -> None:
    await opened(house, text=PEOPLE.replace("[anna, bo]", "[anna]"))
    email = house.channels["email"]
    email.answers[ANNA] = [Report(Outcome.UNKNOWN, "broke off"), Report(Outcome.FAILED, "550")]
    await house.send("email")
    (message,) = await house.messages()
    assert (message.state, message.reason) == ("unknown", "no_answer")
    house.clock.advance(timedelta(days=30).total_seconds())
    await house.send("email")
    assert len(email.sent) == 1, "nobody tries again what may have been sent"
    for state in ("failed", "sent"):
        async with house.database.transaction() as tx:
            assert (await resend(tx, message.id, "bo", house.desk)).refused == ""
        await house.send("email")
        assert [one.state for one in await house.messages()] == [state]
    async with house.database.transaction() as tx:
        assert (await resend(tx, message.id, "bo", house.desk)).refused == "sent"
        assert (await resend(tx, hashed_id("none"), "bo", house.desk)).message is None
    assert [one.by for one in await house.attempts()] == ["", "bo", "bo"]
    assert len({tuple(one._replace(secrets=())[:5]) for one in email.sent}) == 1, "the same bytes"


async def test_the_loop_sends_what_comes_and_stops_when_told(small: House) -> None:
    stop, email = asyncio.Event(), Recorder("email")
    arrived = asyncio.Event()

    class Telling(Recorder):
        async def send(self, message: Outgoing) -> Report:
            report = await email.send(message)
            if len(email.sent) == 2:
                arrived.set()
            return report

    bell = Bell()
    loop = asyncio.create_task(SenderLoop(small.database, Telling("email"), small.desk, small.clock, bell).run(stop))
    await opened(small)
    bell.ring()
    async with asyncio.timeout(20.0):
        await arrived.wait()
        stop.set()
        await loop
    assert {one.state for one in await small.messages()} == {"sent"}
    assert small.clock.now() > NOW


@pytest.mark.servers
@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
async def test_a_message_that_comes_while_its_destination_is_let_go_is_not_forgotten(house: House) -> None:
    await opened(house, text=PEOPLE.replace("[anna, bo]", "[anna]"))
    await house.send("email")
    await house.risk(alert("worsened", 2, alert=hashed_id(0)))
    async with house.database.transaction() as tx:
        await destinations.call_now(tx, "email", ANNA)
    (lease,) = await take(house)
    async with house.database.transaction() as letting_go:
        # What `take_next` does when there is nothing, with the message coming in the middle of it.
        assert await destinations.hold(letting_go, lease) is not None
        assert await messages.next_waiting(letting_go, "email", ANNA) is None
        composing = asyncio.create_task(house.compose())
        async with asyncio.timeout(20.0):
            while not composing.done() and not await _waits_for_a_lock(house):  # noqa: ASYNC110 - no signal for that
                await asyncio.sleep(0)
        await destinations.let_go(letting_go, lease, 0, destinations.NEVER)
    assert await composing == 1
    await house.send("email")
    assert len(house.channels["email"].sent) == 2


async def _waits_for_a_lock(house: House) -> bool:
    async with house.database.read() as tx:
        return bool(await tx.rows(text("SELECT 1 FROM pg_locks WHERE NOT granted")))


async def test_what_is_kept_long_enough_is_let_go(house: House) -> None:
    await opened(house)
    house.channels["email"].answers[ANNA] = [Report(Outcome.UNKNOWN, "broke off")]
    await house.send("email")
    house.clock.advance(timedelta(days=401).total_seconds())
    await house.housekeeping().forget()
    assert [(one.destination, one.state) for one in await house.messages()] == [(ANNA, "unknown")]
    async with house.database.read() as tx:
        assert [row.address for row in await tx.rows(select(DESTINATION.c.address))] == [ANNA]
    assert len(await house.notices()) == 2, "who was told of an alert is not forgotten"


async def test_a_process_that_stops_leaves_the_rest_to_others_at_once(small: House) -> None:
    await opened(small, alerts=2, text=PEOPLE.replace("[anna, bo]", "[anna]"))
    stop = asyncio.Event()

    class Stopping(Recorder):
        async def send(self, message: Outgoing) -> Report:
            stop.set()
            return await super().send(message)

    small.channels["email"] = Stopping("email")
    (lease,) = await take(small)
    await small.sender("email").drain(lease, stop)
    heir = small.other()
    await heir.sender("email").send_all()
    assert [len(one.channels["email"].sent) for one in (small, heir)] == [1, 1]
    assert {one.state for one in await small.messages()} == {"sent"}
