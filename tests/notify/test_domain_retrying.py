"""What follows from an attempt; how long to wait; what a client may be sent; how notices come together."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.clients import Agreed, reach
from services.notify.domain.delivery import Outcome, Purpose, Report
from services.notify.domain.directory import Address, Channel, RecipientKind
from services.notify.domain.grouping import GROUP_MOST, Due, group, message_id
from services.notify.domain.retrying import Bounds, after, as_reported, delay_s
from tests.notify.house import NOW

BOUNDS = Bounds(attempts=3, first_s=4.0, most_s=60.0)
LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("report", "tries", "state", "reason", "pause_s"),
    [
        (Report(Outcome.SENT, ""), 1, "sent", "", 0.0),
        (Report(Outcome.FAILED, ""), 1, "failed", "refused", 0.0),
        (Report(Outcome.UNKNOWN, ""), 1, "unknown", "no_answer", 4.0),
        (Report(Outcome.RETRY, ""), 1, "waiting", "", 4.0),
        (Report(Outcome.RETRY, "", 30.0), 1, "waiting", "", 30.0),
        (Report(Outcome.RETRY, "", 9_000.0), 1, "waiting", "", 60.0),
        (Report(Outcome.RETRY, ""), 3, "failed", "attempts_spent", 4.0),
    ],
)
def test_what_follows(report: Report, tries: int, state: str, reason: str, pause_s: float) -> None:
    step = after(report, tries, 1, LATER, NOW, BOUNDS, 1.0)
    assert (step.state, step.reason, step.pause_s) == (state, reason, pause_s)


def test_what_would_come_too_late_is_given_up() -> None:
    step = after(Report(Outcome.RETRY, ""), 1, 1, NOW + timedelta(seconds=4), NOW, BOUNDS, 1.0)
    assert (step.state, step.reason) == ("failed", "too_old")


@given(st.integers(1, 10_000), st.floats(0.0, 1.0))
def test_pauses_double_within_bounds(failures: int, jitter: float) -> None:
    pause = delay_s(failures, BOUNDS, jitter)
    whole = min(60.0, 4.0 * 2.0 ** min(failures - 1, 40))
    assert whole / 2 <= pause <= whole


@pytest.mark.parametrize("repeats_dropped", [True, False])
def test_unknown_counts_as_retry_where_repeats_are_dropped(repeats_dropped: bool) -> None:
    report = as_reported(Report(Outcome.UNKNOWN, "x"), repeats_dropped)
    assert report.outcome == (Outcome.RETRY if repeats_dropped else Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("known", "addresses", "agreed", "address", "reason"),
    [
        (False, {}, [], "", "no_contact"),
        (True, {"email": "a@b"}, [], "", "no_consent"),
        (True, {"email": "a@b"}, [Agreed("email", "survey", False)], "", "no_consent"),
        (True, {"email": "a@b"}, [Agreed("email", "service", True)], "", "no_consent"),
        (True, {}, [Agreed("email", "survey", True)], "", "no_address"),
        (True, {"email": "a@b"}, [Agreed("email", "survey", True)], "a@b", "invited"),
    ],
)
def test_where_a_client_may_be_reached(
    known: bool, addresses: dict[str, str], agreed: list[Agreed], address: str, reason: str
) -> None:
    assert reach(known, addresses, agreed) == (address, reason)


def due(number: int, purpose: Purpose = Purpose.OPENED, recipient: str = "anna") -> Due:
    address = Address(Channel.EMAIL, RecipientKind.PERSON, recipient)
    return Due(f"{number:032x}", f"alert-{number:04}", 1, purpose, address)


def test_a_message_of_one_notice_has_its_id_and_others_depend_on_all_parts_alone() -> None:
    assert message_id(["b"]) == "b"
    assert message_id(["a", "b"]) == message_id(["b", "a"]) != message_id(["a", "c"])


def test_notices_come_together_by_recipient_the_most_urgent_first() -> None:
    parts = [due(1, Purpose.CLOSED), due(2), due(3, Purpose.WORSENED), due(4), due(5, recipient="bo")]
    levels = {("alert-0002", 1): "amber", ("alert-0004", 1): "red"}
    first, second = group(parts, levels)
    assert [one.subject[-1] for one in first.notices] == ["3", "4", "2", "1"]
    assert first.purpose is Purpose.WORSENED
    assert (second.address.recipient, second.id) == ("bo", parts[4].id)


def test_a_message_is_bounded() -> None:
    groups = group([due(number) for number in range(GROUP_MOST + 1)], {})
    assert [len(one.notices) for one in groups] == [GROUP_MOST, 1]
    assert len({one.id for one in groups}) == 2
