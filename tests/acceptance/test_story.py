"""The story of the demo in sentences, told on files and on real servers with two risk replicas, with the same end."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.distributed import distributed_system
from tests.support.kafka import KafkaServer
from tests.support.processes import System, embedded_system
from tests.support.tapes import replay_both

Story = dict[str, Any]


@pytest.fixture(scope="module")
def on_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("files")
    with embedded_system(folder) as system:
        replay_both(system, folder)
        yield system


@pytest.fixture(scope="module")
def on_servers(tmp_path_factory: pytest.TempPathFactory, postgres_server: str, kafka_server: str) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("servers")
    broker = KafkaServer(folder / "kafka")
    broker.start()
    try:
        with distributed_system(folder, postgres_server, broker) as system:
            replay_both(system, folder)
            yield system
    finally:
        broker.stop()


@pytest.fixture(
    scope="module", params=["on_files", pytest.param("on_servers", marks=pytest.mark.servers)], name="system"
)
def any_system(request: pytest.FixtureRequest) -> System:
    system: System = request.getfixturevalue(request.param)
    return system


def alerts(system: System, **filters: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = system.get("/risk/v1/alerts", limit=200, **filters)["items"]
    return items


def levels(system: System, alert: dict[str, Any]) -> dict[str, str]:
    """Return the level at each period, as the last revision about it says."""
    revisions = system.get(f"/risk/v1/alerts/{alert['id']}")["revisions"]
    return {revision["period"]: revision["level"] for revision in revisions}


def the_alert(system: System, indicator: str, opened: str) -> dict[str, Any]:
    found = [one for one in alerts(system, indicator=indicator) if one["opened_period"] == opened]
    assert len(found) == 1, [(one["indicator"], one["opened_period"]) for one in alerts(system)]
    return found[0]


def test_missed_payments_turn_red_in_april_2020_and_close_when_they_fall(system: System) -> None:
    alert = the_alert(system, "missed_payment_rate", "2020-04")
    course = levels(system, alert)
    assert course["2020-04"] == "red"
    assert alert["state"] == "closed"
    assert alert["latest_as_of"] == "2020-08-31"
    opening = system.get(f"/risk/v1/alerts/{alert['id']}")["revisions"][0]
    assert round(100 * opening["value"], 1) == 20.5


def test_the_weekend_months_are_amber_and_nothing_else_rings_before_the_crisis(system: System) -> None:
    opened = sorted(one["opened_period"] for one in alerts(system, indicator="missed_payment_rate"))
    assert opened == ["2018-09", "2019-06", "2020-04"]
    for period in ("2018-09", "2019-06"):
        assert levels(system, the_alert(system, "missed_payment_rate", period))[period] == "amber"


def test_defaults_turn_amber_in_may_and_red_in_june_2020(system: System) -> None:
    course = levels(system, the_alert(system, "default_rate", "2020-05"))
    assert (course["2020-05"], course["2020-06"]) == ("amber", "red")


def test_project_slips_are_amber_in_the_three_bad_rounds(system: System) -> None:
    rounds = alerts(system, indicator="project_slip_rate")
    assert sorted(alert["opened_period"] for alert in rounds) == ["2015-02"]
    course = levels(system, rounds[0])
    assert {course[period] for period in ("2015-02", "2015-08", "2016-01") if period in course} == {"amber"}


def test_an_alert_explains_itself(system: System) -> None:
    alert = the_alert(system, "missed_payment_rate", "2020-04")
    first = system.get(f"/risk/v1/alerts/{alert['id']}")["revisions"][0]
    assert first["change"] == "opened"
    assert "20.5" in first["sentence"]
    assert "2020-04" in first["sentence"]
    assert "region=" in first["sentence"]
    assert first["explanation"]


def test_an_officer_acknowledges_once_and_a_closed_alert_refuses(system: System) -> None:
    standing = next(one for one in alerts(system, state="open"))
    answer = system.post(f"/risk/v1/alerts/{standing['id']}/acknowledgements", {"by": "officer-7"})
    assert answer.status_code in (200, 201), answer.text
    assert next(one for one in alerts(system) if one["id"] == standing["id"])["acknowledged"]
    closed = next(one for one in alerts(system, state="closed"))
    refused = system.post(f"/risk/v1/alerts/{closed['id']}/acknowledgements", {"by": "officer-7"})
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"


def test_an_absurd_forecast_waits_in_quarantine_with_its_reason(system: System) -> None:
    project = system.get("/risk/v1/alerts", indicator="project_slip_rate")["items"][0]
    assert project["book"] == "projects"
    report = {
        "specversion": "1.0",
        "id": "absurd-1",
        "source": "tests",
        "type": "tocsin.project.reported.v1",
        "data": {
            "book": "projects",
            "value_date": "2019-09-01",
            "known_at": "2019-09-01T00:00:00Z",
            "project": "3",
            "forecast_completion": "2190-01-01",
        },
    }
    assert [item["outcome"] for item in system.send_facts([report])] == ["quarantined"]
    held = system.get("/intake/v1/quarantine", book="projects")["items"]
    assert [item["reason"] for item in held] == ["implausible_forecast"]


@pytest.mark.servers
def test_both_ways_to_run_end_the_same(on_files: System, on_servers: System) -> None:
    for indicator in on_files.get("/risk/v1/indicators")["items"]:
        for book in ("auto", "projects"):
            for basis in indicator["bases"]:
                query = {"book": book, "basis": basis}
                path = f"/risk/v1/indicators/{indicator['name']}/series"
                told = [
                    [(point["period"], point["numerator"], point["denominator"], point["final"]) for point in points]
                    for points in (system.get(path, **query)["series"] for system in (on_files, on_servers))
                ]
                assert told[0] == told[1], (indicator["name"], book, basis)
    assert [standing_of(on_files), standing_of(on_files)] == [standing_of(on_files), standing_of(on_servers)]


def standing_of(system: System) -> list[tuple[Any, ...]]:
    """Return the alerts as D14 compares them: by cause, opening and level per period."""
    return sorted(
        (one["book"], one["indicator"], one["segment"], one["opened_period"], *sorted(levels(system, one).items()))
        for one in alerts(system)
        if one["state"] != "withdrawn"
    )
