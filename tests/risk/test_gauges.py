"""Books as gauges: what a policy watches, of the books that this process evaluates, and not too much of it."""

from datetime import UTC, datetime, timedelta, timezone

from prometheus_client import CollectorRegistry

from services.risk.evaluation.gauges import BookGauges
from services.risk.handlers.fold import Scope
from services.risk.workers import GaugeLoop
from shared.clock import FrozenClock
from tests.risk.crisis import POLICY, begin, pay
from tests.risk.feed import OWNER, PARTITIONS, AnyDatabase, Feed, at, charge_off, settle

REGIONS = """
policy: regions
books:
  auto:
    - {id: r, indicator: missed_payment_rate, segments: [region, portfolio], owner: officer,
       amber: {enter: 25 %, leave: 20 %}}
    - {id: low, indicator: missed_payment_rate, segments: portfolio, owner: officer, direction: below,
       red: {enter: 1 %, leave: 2 %}}
    - {id: par, indicator: par30, segments: portfolio, period: day, owner: officer, amber: {enter: 90 %, leave: 80 %}}
"""
PORTFOLIO = {
    "book": "auto",
    "indicator": "missed_payment_rate",
    "basis": "count",
    "currency": "",
    "segment": "portfolio",
    "period_kind": "month",
}


class Shown:
    """The gauges of one process, as a scrape would see them."""

    def __init__(self, database: AnyDatabase, most: int = 500) -> None:
        self.gauges, self.registry = BookGauges(FrozenClock(at("2020-04-04"))), CollectorRegistry()
        self.registry.register(self.gauges)
        self.scope, self.moved = Scope(OWNER, PARTITIONS, lanes=set(range(PARTITIONS))), {"auto"}
        self.loop = GaugeLoop(database, self.scope, self.moved, self.gauges, most)

    def value(self, name: str, **labels: str) -> float | None:
        """One sample."""
        return self.registry.get_sample_value(f"tocsin_risk_{name}", labels)

    def samples(self, name: str) -> list[dict[str, str]]:
        """The labels of all samples of a gauge."""
        return [
            sample.labels
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"tocsin_risk_{name}"
        ]


async def crisis(database: AnyDatabase, *texts: str) -> Feed:
    """Four of ten loans miss March, one is charged off in the open month of April."""
    feed = await begin(database, *texts)
    pay(feed, "2020-03-15", [0, 2, 4, 6, 8, 1])
    feed.close("2020-03-31")
    charge_off(feed, "l0", "c0", "2020-04-07")
    await settle(database, feed)
    return feed


async def test_values_thresholds_and_levels_are_there_after_a_start(database: AnyDatabase) -> None:
    await crisis(database, POLICY, REGIONS)
    shown = Shown(database)
    await shown.loop.refresh()
    assert shown.value("indicator_value", **PORTFOLIO) == 0.4
    assert shown.value("indicator_level", **PORTFOLIO) == 1
    texas = {**PORTFOLIO, "segment": "region=TX"}
    assert (shown.value("indicator_value", **texas), shown.value("indicator_level", **texas)) == (0.8, 1)
    assert shown.value("indicator_level", **{**PORTFOLIO, "segment": "region=CA"}) == 0

    def threshold(level: str, direction: str, **labels: str) -> float | None:
        return shown.value("indicator_threshold", level=level, direction=direction, **labels)

    assert threshold("amber", "above", **PORTFOLIO) == 0.25, "of two rules the one that is reached first"
    assert threshold("red", "above", **PORTFOLIO) == 0.6
    assert threshold("red", "below", **PORTFOLIO) == 0.01
    assert threshold("amber", "above", **texas) == 0.25
    par = {**PORTFOLIO, "indicator": "par30", "basis": "exposure", "currency": "USD", "period_kind": "day"}
    assert shown.value("indicator_value", **par) == 0.0
    written_off = {**PORTFOLIO, "indicator": "charge_off_rate"}
    assert shown.value("indicator_value", **written_off) == 0.0, "the open month has no final value"
    assert shown.value("indicator_level", **written_off) == 1, "but its alert is open"
    assert shown.value("alerts_open", book="auto", level="amber") == 3
    assert shown.value("alerts_open", book="auto", level="red") == 0
    midnight = datetime(2020, 4, 1, tzinfo=timezone(timedelta(hours=-4))).astimezone(UTC)
    assert shown.value("book_closed_timestamp_seconds", book="auto") == midnight.timestamp()
    assert shown.value("book_overdue_days", book="auto") == 3, "1 to 3 April, each from the midnight after it on"
    assert shown.value("indicator_series_left_out", book="auto") == 0


async def test_there_is_no_room_for_more_series_than_the_setting_says(database: AnyDatabase) -> None:
    await crisis(database, POLICY, REGIONS)
    shown = Shown(database, most=2)
    await shown.loop.refresh()
    levels = shown.samples("indicator_level")
    assert {(one["indicator"], one["segment"]) for one in levels} == {
        ("charge_off_rate", "portfolio"),
        ("missed_payment_rate", "portfolio"),
    }, "the worst first, the whole book before its segments"
    assert len(shown.samples("indicator_value")) == 2
    assert shown.value("indicator_series_left_out", book="auto") == 3
    assert shown.value("alerts_open", book="auto", level="amber") == 3, "what is bounded anyway is whole"


async def test_a_book_is_read_again_when_it_was_evaluated_and_only_then(database: AnyDatabase) -> None:
    feed = await crisis(database, POLICY)
    shown = Shown(database)
    await shown.loop.refresh()
    pay(feed, "2020-04-15", range(1, 10))
    feed.close("2020-04-30")
    await settle(database, feed)
    await shown.loop.refresh()
    assert shown.value("indicator_value", **PORTFOLIO) == 0.4
    shown.moved.add("auto")
    await shown.loop.refresh()
    assert (shown.value("indicator_value", **PORTFOLIO), shown.value("indicator_level", **PORTFOLIO)) == (0.0, 0)
    assert shown.moved == set()


async def test_a_lost_book_is_forgotten_and_a_new_one_of_another_lane_never_shown(database: AnyDatabase) -> None:
    await crisis(database, POLICY)
    shown = Shown(database)
    await shown.loop.refresh()
    shown.scope.lanes.clear()
    shown.moved.add("auto")
    await shown.loop.refresh()
    assert shown.gauges.books == []
    assert shown.samples("alerts_open") == shown.samples("indicator_value") == []
    shown.scope.lanes.update(range(PARTITIONS))
    await shown.loop.refresh()
    assert shown.gauges.books == ["auto"]


async def test_no_label_names_a_client_or_a_loan(database: AnyDatabase) -> None:
    await crisis(database, POLICY, REGIONS)
    shown = Shown(database)
    await shown.loop.refresh()
    labels = {value for family in shown.registry.collect() for one in family.samples for value in one.labels.values()}
    assert not labels & {f"{kind}{number}" for kind in "cl" for number in range(10)}
