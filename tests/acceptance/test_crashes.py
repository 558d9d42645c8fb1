"""Killed at named places, between lines that must not matter: started again, the system ends as if undisturbed."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.runtime.crashpoint import POINTS
from tests.support import small_book
from tests.support.processes import System, embedded_system

INDICATORS = ("missed_payment_rate", "repayment_delay_rate", "charge_off_rate", "par30", "default_rate")
LATE_PAYMENT = small_book.fact(
    "late", "repayment.received", small_book.MONTHS[3].replace(day=20), loan="l0", amount="110.00", currency="EUR"
)


def tell_everything(system: System) -> None:
    """Send all facts and closes from the beginning; what is known already is repeated and changes nothing."""
    assert system.post("/intake/v1/books", small_book.OPENING).status_code in (200, 201)
    applied = system.request(
        "POST", "/risk/v1/policies", content=small_book.POLICY.encode(), headers={"Content-Type": "text/yaml"}
    )
    assert applied.status_code in (200, 201), applied.text
    system.send_facts(small_book.beginnings())
    for index in range(len(small_book.MONTHS)):
        system.send_facts(small_book.month_of_facts(index))
        day = small_book.end_of(index).isoformat()
        body = {"day": day, "known_at": f"{day}T23:00:00Z"}
        assert system.post(f"/intake/v1/books/{small_book.BOOK}/closes", body).status_code in (200, 201)
    system.send_facts([LATE_PAYMENT])


def ending(system: System) -> str:
    """Return all final values and all standing alerts with their course, as text to compare (D14)."""
    system.settle(small_book.BOOK)
    told: dict[str, Any] = {}
    for name in INDICATORS:
        for segment in ("portfolio", "region=north", "region=south"):
            query = {"book": small_book.BOOK, "segment": segment}
            series = system.get(f"/risk/v1/indicators/{name}/series", **query)["series"]
            told[f"{name} {segment}"] = [
                (point["period"], point["numerator"], point["denominator"], point["final"]) for point in series
            ]
    alerts = system.get("/risk/v1/alerts", book=small_book.BOOK, limit=200)["items"]
    told["alerts"] = sorted(
        (one["indicator"], one["segment"], one["opened_period"], one["latest_period"], one["level"], one["state"])
        for one in alerts
        if one["state"] != "withdrawn"
    )
    return json.dumps(told, indent=1)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_system(tmp_path_factory.mktemp("undisturbed")) as system:
        tell_everything(system)
        yield ending(system)


def test_the_small_book_has_a_crisis(undisturbed: str) -> None:
    alerts = json.loads(undisturbed)["alerts"]
    assert ["missed_payment_rate", "portfolio", "2023-05", "2023-08", "none", "closed"] in alerts
    assert any(alert[0] == "charge_off_rate" for alert in alerts)


@pytest.mark.parametrize("point", sorted(point for point in POINTS if not point.startswith("notify.")))
@pytest.mark.parametrize("passes", [1, 3])
def test_a_crash_at_any_point_changes_nothing(tmp_path: Path, undisturbed: str, point: str, passes: int) -> None:
    with embedded_system(tmp_path, crash_at=f"{point}:{passes}") as system:
        process = system.processes["tocsin"]
        try:
            process.wait_ready()
            tell_everything(system)
            system.settle(small_book.BOOK)
        except (httpx.TransportError, AssertionError):
            pass
        try:
            assert process.wait() == 137, f"{point} was never reached"
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            pytest.fail(f"{point} was never reached {passes} times: {process.output()}")
        process.start()
        tell_everything(system)
        assert ending(system) == undisturbed


def test_sigterm_drains_in_under_ten_seconds_and_work_goes_on_where_it_was(tmp_path: Path, undisturbed: str) -> None:
    with embedded_system(tmp_path) as system:
        process = system.processes["tocsin"]
        system.post("/intake/v1/books", small_book.OPENING)
        system.send_facts(small_book.beginnings())
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.start()
        tell_everything(system)
        assert ending(system) == undisturbed
