"""Surveys on a real database: counted like loans whatever the order, in the client's segments, and they can ring."""

import asyncio
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.risk.handlers.fold import fold_batch
from services.risk.store.tables import ANOMALY, DEAD_LETTER, HOUSE, SURVEY
from shared.db import migrate, positions
from shared.db.sqlite import open_sqlite
from shared.events import facts
from shared.events.base import Topic
from shared.events.risk import AlertRevised
from tests.risk.crisis import revisions, told
from tests.risk.feed import (
    SCOPE,
    AnyDatabase,
    Feed,
    apply_policy,
    evaluate,
    fold,
    fold_one,
    new_clock,
    register,
    rows_of,
)
from tests.risk.survey_feed import Surveys, fold_surveys, subscription_of
from tests.risk.test_evaluator import values
from tests.risk.truth import assert_true, kept_cells

POLICY = """
policy: voices
books:
  auto:
    - id: satisfied
      indicator: csat
      direction: below
      owner: service
      minimum_sample: 3
      drivers: [region]
      amber: {enter: 60 %, leave: 70 %}
      red: {enter: 30 %, leave: 40 %}
    - {id: loved, indicator: nps, direction: below, owner: service, amber: {enter: -20 %, leave: 0 %}}
"""


def move(feed: Feed, client: str, region: str, day: str) -> None:
    fact = facts.ClientChanged(book="auto", value_date=date.fromisoformat(day), client=client,
                               attributes=facts.Attributes(region=region))  # fmt: skip
    feed.fact(fact, client, f"{client}-moved-{day}")


async def counts(database: AnyDatabase) -> dict[str, int]:
    """Measure -> its sum over the whole book."""
    found: dict[str, int] = {}
    for (segment, _, measure, _), value in (await kept_cells(database)).items():
        if segment == "portfolio":
            found[measure] = found.get(measure, 0) + value
    return found


async def alerts(database: AnyDatabase) -> list[AlertRevised]:
    """All revisions in the order of decision."""
    return [one.message for one in await revisions(database)]


async def begun(database: AnyDatabase, clients: int = 4) -> Feed:
    feed = Feed()
    feed.open_book()
    for number in range(clients):
        register(feed, f"c{number}", "TX" if number % 2 else "CA")
    await fold(database, feed)
    return feed


async def test_invitations_and_answers_are_counted(database: AnyDatabase) -> None:
    await begun(database)
    surveys = Surveys()
    for number, (csat, nps) in enumerate(((5, 10), (4, 8), (3, 6), (None, 0))):
        surveys.invite(f"s{number}", f"c{number}", "2020-02-10")
        surveys.answer(f"s{number}", f"c{number}", "2020-02-12", csat, nps)
    surveys.invite("late", "c0", "2020-02-27")
    await fold_surveys(database, surveys)
    assert await counts(database) == {
        "surveys_invited": 5, "surveys_answered": 4, "surveys_open_at_close": 1, "csat_answers": 3,
        "csat_satisfied": 2, "nps_answers": 4, "nps_promoters": 1, "nps_detractors": 2, "nps_net": -1,
    }  # fmt: skip
    await assert_true(database)


async def test_an_answer_waits_for_its_invitation_and_both_for_client_and_book(database: AnyDatabase) -> None:
    surveys = Surveys()
    surveys.answer("s0", "c0", "2020-03-02", csat=5)
    await fold_surveys(database, surveys)
    assert await counts(database) == {}
    surveys.invite("s1", "c1", "2020-02-10")
    await fold_surveys(database, surveys)
    feed = Feed()
    feed.open_book()
    # The lanes open their books one after the other, and a survey comes in between.
    for batch in feed.pending():
        await fold_one(database, batch)
        surveys.answer("s1", "c1", "2020-02-11", csat=1, name=f"again {batch.partition}")
        await fold_surveys(database, surveys)
    assert (await counts(database))["csat_answers"] == 2
    surveys.invite("s0", "c0", "2020-02-10")
    await fold_surveys(database, surveys)
    register(feed, "c0", "CA")
    register(feed, "c1", "TX")
    await fold(database, feed)
    cells = await kept_cells(database)
    assert ("region=CA", "", "surveys_answered", date(2020, 2, 10).toordinal()) in cells
    assert ("region=TX", "", "csat_answers", date(2020, 2, 11).toordinal()) in cells
    await assert_true(database)
    assert {row.reason for row in await rows_of(database, select(ANOMALY))} == {"told_twice"}


async def test_the_same_again_has_no_effect_and_another_under_its_id_is_a_dead_letter(database: AnyDatabase) -> None:
    await begun(database)
    surveys = Surveys()
    for csat in (5, 5, 1):
        surveys.answer("s0", "c0", "2020-02-12", csat)
    surveys.answer("s1", "c1", "2020-02-12", 5)
    await fold_surveys(database, surveys, batch_records=1)
    assert (await counts(database))["csat_satisfied"] == 2
    (letter,) = await rows_of(database, select(DEAD_LETTER))
    assert (letter.topic, letter.reason, letter.client) == ("tocsin.feedback", "same_id_other_body", "c0")
    await assert_true(database)


async def test_an_answer_out_of_range_is_refused_whole(database: AnyDatabase) -> None:
    await begun(database)
    surveys = Surveys()
    surveys.answer("s0", "c0", "2020-02-12", csat=6)
    with pytest.raises(ValueError, match="csat 6 is not from 1 to 5"):
        await fold_surveys(database, surveys)
    assert await rows_of(database, select(SURVEY)) == []


async def test_an_answer_counts_where_its_client_was_when_it_came(database: AnyDatabase) -> None:
    feed = await begun(database)
    surveys = Surveys()
    surveys.invite("s0", "c0", "2020-02-10")
    surveys.answer("s0", "c0", "2020-03-12", csat=5)
    await fold_surveys(database, surveys)
    move(feed, "c0", "NY", "2020-03-01")
    await fold(database, feed)
    cells = {(segment, measure) for segment, _, measure, _ in await kept_cells(database) if segment != "portfolio"}
    assert cells == {
        ("region=CA", "surveys_invited"), ("region=CA", "surveys_answered"),
        ("region=NY", "csat_answers"), ("region=NY", "csat_satisfied"),
    }  # fmt: skip
    await assert_true(database)


async def test_falling_satisfaction_rings_and_a_late_answer_revises(database: AnyDatabase) -> None:
    feed = await begun(database)
    await apply_policy(database, POLICY)
    surveys = Surveys()
    for month, scores in (("2020-02", (5, 4, 5, 4)), ("2020-03", (5, 2, 1, 2))):
        for number, csat in enumerate(scores):
            surveys.answer(f"{month} {number}", f"c{number}", f"{month}-12", csat, nps=2 * csat)
    await fold_surveys(database, surveys)
    feed.close("2020-02-29")
    await fold(database, feed)
    await evaluate(database)
    assert told(await revisions(database)) == []
    feed.close("2020-03-31")
    await fold(database, feed)
    await evaluate(database)
    rung = [one for one in await alerts(database) if one.indicator == "csat"]
    assert [(one.change, one.level, one.period, one.numerator, one.denominator) for one in rung] == [
        ("opened", "red", "2020-03", 1, 4)
    ]
    assert "25.0 % (1 of 4 answers) in 2020-03, red from 30.0 % down" in rung[0].sentence
    assert "region=CA" in rung[0].sentence
    assert "份答卷" in rung[0].sentence_zh
    (loved,) = [one for one in await alerts(database) if one.indicator == "nps"]
    assert (loved.level, loved.value, loved.numerator) == ("amber", -0.5, -2)
    assert "-50.0 % (-2 of 4 answers)" in loved.sentence.replace("\N{MINUS SIGN}", "-")
    # Three answers of March that come in April, after its close.
    for number in range(3):
        surveys.answer(f"late {number}", f"c{number}", "2020-03-31", csat=5, nps=10)
    await fold_surveys(database, surveys)
    await evaluate(database)
    published = await values(database, "csat", "2020-03")
    assert [(one.numerator, one.denominator, one.revision) for one in published] == [(1, 4, 1), (4, 7, 2)]
    last = [one for one in await alerts(database) if one.indicator == "csat"][-1]
    assert (last.change, last.level) == ("amended", "amber")
    assert last.value == pytest.approx(4 / 7)


async def test_a_move_and_a_survey_at_the_same_time_cannot_miss_each_other(database: AnyDatabase) -> None:
    """Without the hold on the facts' lane the survey would stay in the segment that its client has left."""
    feed = await begun(database)
    surveys = Surveys()
    surveys.answer("s0", "c0", "2020-03-12", csat=5)
    move(feed, "c0", "NY", "2020-03-01")
    (moving,), (answering,) = list(feed.pending()), list(surveys.pending())
    lane = (HOUSE, "risk", Topic.INTAKE, moving.partition)
    async with database.transaction() as tx:
        claim = await positions.claim(tx, *lane, "me")

    async def move_away() -> None:
        async with database.transaction() as tx:
            assert await positions.advance(tx, *lane, claim.epoch, 0, 1)
            await fold_batch(tx, moving, SCOPE)

    async with database.transaction() as tx:
        await subscription_of(database).handle(tx, answering)
        moved = asyncio.create_task(move_away())
        await asyncio.wait([moved], timeout=0.2)
        assert not moved.done()
    await moved
    assert ("region=NY", "csat_answers") in {(one[0], one[2]) for one in await kept_cells(database)}
    await assert_true(database)


STEPS = st.lists(
    st.tuples(st.sampled_from(["invite", "answer", "move", "open"]), st.integers(0, 2), st.integers(1, 80),
              st.integers(1, 5)),
    max_size=14,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, later=st.integers(0, 3))
async def test_counters_are_the_slow_truth_in_any_order_over_both_topics(steps, later, tmp_path: Path):  # type: ignore[no-untyped-def]
    database = open_sqlite(None, new_clock())
    await migrate.upgrade(database, "services.risk")
    feed, surveys, opened = Feed(), Surveys(), False
    for number, (what, client, on, score) in enumerate([*steps, ("open", 0, 1, 1)]):
        day = date.fromordinal(date(2020, 1, 10).toordinal() + on).isoformat()
        if what == "invite":
            surveys.invite(f"s{score}-{client}", f"c{client}", day, name=f"{number}")
        elif what == "answer":
            surveys.answer(f"s{score}-{client}", f"c{client}", day, csat=score, nps=2 * score, name=f"{number}")
        elif what == "open" and not opened:
            opened = True
            feed.open_book()
            for one in range(3):
                register(feed, f"c{one}", day="2020-01-05")
        elif opened:
            move(feed, f"c{client}", "NY" if score > 2 else "CA", day)
        if number % (later + 1) == 0:
            await fold_surveys(database, surveys)
        if number % (later + 2) == 0:
            await fold(database, feed)
    await fold_surveys(database, surveys)
    await fold(database, feed)
    await assert_true(database)
    await database.close()
