"""What feedback reads and what it steps over; any order of arrival ends in the same invitations."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from services.feedback.store.tables import CONTACT, METADATA
from shared.events.base import Topic
from shared.events.facts import RepaymentReceived
from shared.log.lanes import lane_of
from shared.log.port import Record
from tests.feedback.house import (
    BOOK,
    PARTITIONS,
    House,
    Told,
    contact,
    corrected,
    cured,
    day_closed,
    days_from,
    loan_closed,
    opened,
    repayment,
    revised,
)


async def test_facts_that_are_not_for_feedback_are_not_even_decoded(small_house: House) -> None:
    record = small_house.record(Topic.INTAKE, 0, repayment("C1"))
    assert dict(record.headers)["ce_type"] == RepaymentReceived.type.encode()
    await small_house.digest(Topic.INTAKE, 0, [record._replace(value=b"\xff not json"), record])
    assert await small_house.surveys() == []


@pytest.mark.parametrize("value", [b"\xff", b"{}", b"[]", b""])
async def test_what_should_be_for_feedback_and_is_not_readable_is_kept_as_a_dead_letter(
    small_house: House, value: bytes
) -> None:
    broken = small_house.record(Topic.INTAKE, 0, loan_closed("L1", "C1", "2024-06-03"))._replace(value=value)
    with pytest.raises(msgspec.DecodeError):
        await small_house.digest(Topic.INTAKE, 0, [broken])
    (subscription,) = (one for one in small_house.service.subscriptions if one.topic == Topic.INTAKE)
    async with small_house.database.transaction() as tx:
        await subscription.dead_letter(tx, broken, ValueError("not JSON"))
    (letter,) = (await small_house.get("/dead-letters")).json()["items"]
    assert (letter["topic"], letter["type"], letter["error"]) == (
        "tocsin.intake",
        "tocsin.loan.closed.v1",
        "ValueError: not JSON",
    )
    assert (await small_house.get(f"/dead-letters/{letter['id']}/preview")).json()["would"] == "fail"


async def test_a_preview_shows_the_rows_that_a_replay_would_write(house: House) -> None:
    key, client, message = contact("C1", language="zh")
    lane = lane_of(key, PARTITIONS)
    record = house.record(Topic.CONTACTS, lane, (key, client, message))
    (subscription,) = (one for one in house.service.subscriptions if one.topic == Topic.CONTACTS)
    async with house.database.transaction() as tx:
        await subscription.dead_letter(tx, record, ValueError("of a version that could not read it"))
    (letter,) = (await house.get("/dead-letters")).json()["items"]
    told = (await house.get(f"/dead-letters/{letter['id']}/preview")).json()
    (change,) = told["changes"]
    assert (told["would"], change["kind"], change["name"], change["before"]) == (
        "digest",
        "contact",
        f"{BOOK}/C1",
        None,
    )
    assert (change["after"]["language"], change["after"]["reachable"]) == ("zh", True)
    async with house.database.read() as tx:
        assert await tx.rows(select(CONTACT)) == []


async def test_a_fact_without_its_client_is_no_occasion(small_house: House) -> None:
    key, _, message = loan_closed("L1", "C1", "2024-06-03")
    record = small_house.record(Topic.INTAKE, 0, (key, "", message))
    with pytest.raises(ValueError, match="names no client"):
        await small_house.digest(Topic.INTAKE, 0, [record])


async def test_an_older_contact_changes_nothing_and_no_personal_data_is_kept(house: House) -> None:
    await house.tell(Topic.CONTACTS, contact("C1", version=3, consent=False, language="zh"))
    await house.tell(Topic.CONTACTS, contact("C1", version=2), contact("C2", version=1), contact("C2", version=2))
    async with house.database.read() as tx:
        rows = await tx.rows(select(CONTACT).order_by(CONTACT.c.client))
    assert [tuple(row) for row in rows] == [
        (BOOK, "C1", 3, "zh", True, False),
        (BOOK, "C2", 2, "en", True, True),
    ]
    columns = {column.name for table in METADATA.sorted_tables for column in table.columns}
    assert not columns & {"name", "address", "email", "points"}


async def test_a_consent_taken_back_before_the_day_is_closed_counts(small_house: House) -> None:
    await small_house.open_book()
    await small_house.tell(Topic.CONTACTS, contact("C1"))
    await small_house.tell(Topic.INTAKE, loan_closed("L1", "C1", "2024-06-03"))
    await small_house.tell(Topic.CONTACTS, contact("C1", version=2, consent=False))
    await small_house.close("2024-06-03")
    assert set((await small_house.outcomes()).values()) == {"no_consent"}


async def test_a_replay_of_years_invites_nobody(small_house: House) -> None:
    await small_house.open_book("2019-01-01")
    clients = [f"C{number}" for number in range(40)]
    await small_house.tell(Topic.CONTACTS, *(contact(client) for client in clients))
    days = days_from("2019-02-01", range(0, 1_200, 30))
    for client, day in zip(clients, days, strict=True):
        await small_house.tell(Topic.INTAKE, loan_closed(f"of {client}", client, day))
        await small_house.close(day)
    assert set((await small_house.outcomes()).values()) == {"history"}
    assert await small_house.sent() == []


async def test_an_import_closed_at_once_and_a_back_dated_fact_invite_nobody(small_house: House) -> None:
    await small_house.open_book("2024-01-01")
    await small_house.tell(Topic.CONTACTS, contact("C1"), contact("C2"), contact("C3"))
    await small_house.tell(Topic.INTAKE, loan_closed("old", "C1", "2024-02-01", known="2024-05-31"))
    await small_house.tell(Topic.INTAKE, loan_closed("closed late", "C2", "2024-05-20"))
    await small_house.close("2024-06-07")
    assert await small_house.outcomes() == {
        ("old", "loan_closed"): "too_old",
        ("closed late", "loan_closed"): "too_old",
    }
    # Known within the fortnight: asked once the day on which it became known is over.
    await small_house.tell(Topic.INTAKE, loan_closed("late", "C3", "2024-06-03", known="2024-06-10"))
    assert await small_house.decide() == 0
    await small_house.close("2024-06-10")
    assert (await small_house.outcomes())["late", "loan_closed"] == "2024-06-11"


async def test_one_loan_is_asked_about_once_for_each_occasion(small_house: House) -> None:
    await small_house.open_book("2023-01-01")
    await small_house.tell(Topic.CONTACTS, contact("C1"))
    small_house.desk = small_house.desk._replace(rules=small_house.desk.rules._replace(history=True))
    await small_house.tell(Topic.RISK, cured("L1", "C1", "2023-02-01"))
    await small_house.close("2023-02-01")
    await small_house.tell(Topic.RISK, cured("L1", "C1", "2023-09-01"))
    await small_house.tell(Topic.INTAKE, loan_closed("L1", "C1", "2023-09-05"))
    await small_house.close("2023-09-05")
    assert await small_house.outcomes() == {("L1", "arrears_cured"): "2023-02-02", ("L1", "loan_closed"): "2023-09-06"}


async def test_a_closing_that_was_annulled_or_dated_wrongly(house: House) -> None:
    await house.open_book()
    await house.tell(Topic.CONTACTS, contact("C1"))
    lane = lane_of(f"{BOOK}/C1", PARTITIONS)
    closings = [
        house.record(Topic.INTAKE, lane, loan_closed(loan, "C1", "2024-06-03")) for loan in ("L1", "L2", "L3", "L4")
    ]
    ids = [dict(record.headers)["ce_id"].decode() for record in closings]
    moved = {"book": BOOK, "loan": "L2", "value_date": "2024-06-05", "known_at": "2024-06-05T00:00:00Z"}
    corrections = [
        house.record(Topic.INTAKE, lane, corrected(told, "C1", body))
        for told, body in ((ids[0], None), (ids[1], moved), ("of something else", None))
    ]
    await house.digest(Topic.INTAKE, lane, [*closings[:3], *corrections])
    await house.digest(Topic.INTAKE, lane, [*closings[3:]])
    await house.close("2024-06-03")
    decided_before = await house.outcomes()
    assert sorted(decided_before) == [("L2", "loan_closed"), ("L3", "loan_closed"), ("L4", "loan_closed")]
    assert decided_before["L2", "loan_closed"] == "waiting"
    # What was decided stays: the client has been asked.
    too_late = [house.record(Topic.INTAKE, lane, corrected(told, "C1", None)) for told in ids[2:]]
    await house.digest(Topic.INTAKE, lane, too_late)
    await house.close("2024-06-05")
    after = await house.outcomes()
    assert after == {**decided_before, ("L2", "loan_closed"): "too_soon"}
    # An annulled closing was never an occasion: the loan may be closed later.
    await house.tell(Topic.INTAKE, loan_closed("L1", "C1", "2024-06-06"))
    await house.close("2024-06-06")
    assert (await house.outcomes())["L1", "loan_closed"] == "too_soon"


FIRST = "2024-05-27"
_EVENTS = st.lists(
    st.tuples(
        st.sampled_from([loan_closed, cured]),
        st.sampled_from(["L1", "L2", "L3", "L4"]),
        st.integers(0, 13),
        st.integers(0, 6),
    ),
    max_size=10,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), events=_EVENTS, closes=st.sets(st.integers(0, 20), min_size=1), spacing=st.integers(1, 30))
async def test_any_order_of_arrival_before_the_close_ends_in_the_same_invitations(
    small_house: House, data: st.DataObject, events: list[tuple[Any, str, int, int]], closes: set[int], spacing: int
) -> None:
    """What is known by a close arrives in any order and in any batches; closes arrive lane by lane, one or many."""
    house = small_house
    house.desk = house.desk._replace(rules=house.desk.rules._replace(history=True, spacing_days=spacing))
    owner = {"L1": "C1", "L2": "C1", "L3": "C2", "L4": "C2"}
    told: list[tuple[Topic, Told]] = []
    seen: set[tuple[Any, str]] = set()
    for make, loan, day, late in events:
        if (make, loan) not in seen:
            seen.add((make, loan))
            happened, known = days_from(FIRST, [day, day + late])
            told.append((Topic.RISK if make is cured else Topic.INTAKE, make(loan, owner[loan], happened, known)))
    closed = days_from(FIRST, sorted(closes))

    await _fresh(house)
    for topic, one in told:
        await house.tell(topic, one)
    for one_day in closed:
        await house.close(one_day)
    expected = await house.outcomes()

    await _fresh(house)
    for topic, one in data.draw(st.permutations(told)):
        await house.tell(topic, one)
        await house.decide()
    cut = data.draw(st.integers(0, len(closed)))
    for lane in data.draw(st.permutations(range(PARTITIONS))):
        await house.tell(Topic.INTAKE, *(day_closed(one_day) for one_day in closed[:cut]), lane=lane)
        await house.decide()
    await house.close(*closed[cut:])
    assert await house.outcomes() == expected


async def _fresh(house: House) -> None:
    """Begin again: an open book and two clients who may be asked."""
    async with house.database.transaction() as tx:
        for table in METADATA.sorted_tables:
            await tx.execute(delete(table))
    await house.open_book(FIRST)
    await house.tell(Topic.CONTACTS, contact("C1"), contact("C2"))


def test_the_lanes_of_the_tests_differ() -> None:
    assert {lane_of(f"{BOOK}/{client}", PARTITIONS) for client in ("C1", "C2", "C3")} == set(range(PARTITIONS))


async def test_a_record_without_a_type_is_refused(small_house: House) -> None:
    record = small_house.record(Topic.RISK, 0, revised())
    with pytest.raises(ValueError, match="ce_type"):
        await small_house.digest(Topic.RISK, 0, [Record(*record[:4], (), *record[5:])])


async def test_a_day_is_over_when_every_lane_has_closed_it(house: House) -> None:
    await house.tell(Topic.CONTACTS, contact("C1"))
    await house.tell(Topic.INTAKE, opened(), day_closed("2024-06-03"), lane=0)
    await house.tell(Topic.INTAKE, loan_closed("L1", "C1", "2024-06-03"))
    # The other lane does not even know the book; then it does, and has closed nothing.
    assert await house.decide() == 0
    await house.tell(Topic.INTAKE, opened(), lane=1)
    assert await house.decide() == 0
    # What is told again opens nothing again.
    await house.tell(Topic.INTAKE, day_closed("2024-06-03"), opened(), lane=1)
    await house.tell(Topic.INTAKE, opened(), lane=0)
    assert await house.decide() == 1
