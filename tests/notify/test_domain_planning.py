"""Who is told what, when and why: tables over the pure planner."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notify.domain.directory import (
    About,
    Address,
    Channel,
    Directory,
    Endpoint,
    Hours,
    Match,
    Person,
    RecipientKind,
    Route,
    Team,
    quiet_until,
)
from services.notify.domain.planning import NoticeState, Plan, Planner, Ring, purpose_of
from services.notify.domain.silences import Silence, SilenceMatch
from tests.notify.house import NOW

ABOUT = About("a1", "red", "auto", "par30", "region=TX", "credit_officer")
NIGHT = NOW.replace(hour=22)
OFFICE = Hours.model_validate({"from": "09:00", "to": "17:00"})
PEOPLE = {
    "anna": Person(roles=("credit_officer",), email="anna@b.example", hours=OFFICE),
    "bo": Person(roles=("manager",), email="bo@b.example"),
    "cy": Person(),
}


def directory(**routes: Route) -> Directory:
    endpoint = Endpoint.model_validate({"url": "https://x.example/", "secrets": ["whsec_" + "A" * 32]})
    return Directory(PEOPLE, {"desk": Team(members=("anna", "bo", "gone"))}, {"chat": endpoint}, routes)


def plan(
    routes: dict[str, Route],
    change: str = "opened",
    about: About = ABOUT,
    told: tuple[Address, ...] = (),
    now: datetime = NOW,
    silences: tuple[Silence, ...] = (),
    level_before: str = "",
) -> Plan:
    planner = Planner(directory(**routes), silences, "operator", now, 5.0)
    return planner.plan(Ring(about, 1, change, level_before), told)


def shown(found: Plan) -> list[tuple[str, str, str]]:
    return [(one.address.channel.value, one.address.recipient, one.reason.value) for one in found.notices]


def person(name: str, channel: Channel = Channel.INBOX) -> Address:
    return Address(channel, RecipientKind.PERSON, name)


@pytest.mark.parametrize(
    ("change", "level", "before", "expected"),
    [
        ("opened", "amber", "", "opened"),
        ("worsened", "red", "amber", "worsened"),
        ("confirmed", "red", "red", "confirmed"),
        ("amended", "red", "amber", "amended"),
        ("amended", "red", "red", "same_level"),
        ("withdrawn", "none", "red", "withdrawn"),
        ("closed", "none", "amber", "closed"),
        ("eased", "amber", "red", "nothing_new"),
        ("continued", "red", "red", "nothing_new"),
        ("acknowledged", "red", "red", "nothing_new"),
    ],
)
def test_what_a_revision_is_told_as(change: str, level: str, before: str, expected: str) -> None:
    assert purpose_of(change, level, before) == expected


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({}, True),
        ({"levels": ["red"]}, True),
        ({"levels": ["amber"]}, False),
        ({"books": ["auto", "micro"]}, True),
        ({"books": ["micro"]}, False),
        ({"indicators": ["par30"], "books": ["auto"]}, True),
        ({"indicators": ["par90"], "books": ["auto"]}, False),
        ({"segments": ["region=TX"]}, True),
        ({"segments": ["region"]}, True),
        ({"segments": ["reg"]}, False),
        ({"segments": ["portfolio"]}, False),
        ({"owners": ["credit_officer"]}, True),
        ({"owners": ["manager"]}, False),
    ],
)
def test_what_a_route_matches(match: dict[str, Any], fits: bool) -> None:
    assert Match.model_validate(match).matches(ABOUT) is fits


def test_all_routes_that_match_apply_in_order_until_one_is_the_last() -> None:
    routes = {
        "c": Route(order=3, people=("cy",)),
        "a": Route(order=1, people=("bo",), match=Match(levels=("red",))),
        "b": Route(order=2, roles=("credit_officer",), last=True),
    }
    assert shown(plan(routes)) == [("inbox", "bo", "routed"), ("inbox", "anna", "routed")]
    amber = plan(routes, about=ABOUT._replace(level="amber"))
    assert shown(amber) == [("inbox", "anna", "routed")]
    assert {one.route for one in amber.notices} == {"b"}


def test_teams_roles_owner_endpoints_and_channels() -> None:
    routes = {
        "r": Route(teams=("desk",), owner=True, endpoints=("chat", "gone"), channels=(Channel.EMAIL, Channel.INBOX))
    }
    assert shown(plan(routes)) == [
        ("webhook", "chat", "routed"),
        ("email", "anna", "routed"),
        ("inbox", "anna", "routed"),
        ("email", "bo", "routed"),
        ("inbox", "bo", "routed"),
    ]


def test_whoever_has_no_address_is_told_in_the_inbox() -> None:
    routes = {"r": Route(people=("cy",), channels=(Channel.EMAIL,))}
    assert shown(plan(routes)) == [("inbox", "cy", "no_address")]


@pytest.mark.parametrize(
    ("routes", "reason"),
    [
        ({}, "no_route"),
        ({"r": Route(people=("bo",), match=Match(books=("micro",)))}, "no_route"),
        ({"r": Route(people=("gone",))}, "route_to_nobody"),
        ({"r": Route(roles=("nobody",))}, "route_to_nobody"),
    ],
)
def test_what_goes_to_nobody_goes_to_the_fallback(routes: dict[str, Route], reason: str) -> None:
    found = plan(routes)
    assert shown(found) == [("inbox", "operator", reason)]
    assert found.unrouted == reason


def test_those_who_were_told_are_told_the_end_whatever_the_routes_say() -> None:
    routes = {"r": Route(people=("cy",))}
    told = (person("bo"), person("gone"), Address(Channel.WEBHOOK, RecipientKind.ENDPOINT, "chat"))
    for change in ("closed", "withdrawn"):
        found = plan(routes, change, told=told)
        assert shown(found) == [("inbox", "bo", "told_before"), ("webhook", "chat", "told_before")]
    assert plan(routes, "closed").quiet == "nobody_was_told"
    worse = plan(routes, "worsened", told=told)
    assert [name for _, name, _ in shown(worse)] == ["bo", "chat", "cy"]


def test_whose_address_is_gone_is_told_the_end_in_the_inbox() -> None:
    assert shown(plan({}, "closed", told=(person("cy", Channel.EMAIL),))) == [("inbox", "cy", "no_address")]


def test_the_fallback_that_was_told_is_told_the_end() -> None:
    assert shown(plan({}, "closed", told=(person("operator"),))) == [("inbox", "operator", "told_before")]


@pytest.mark.parametrize(
    ("level", "channel", "red_waits", "waits"),
    [
        ("amber", Channel.EMAIL, False, True),
        ("red", Channel.EMAIL, False, False),
        ("red", Channel.EMAIL, True, True),
        ("amber", Channel.INBOX, False, False),
        ("amber", Channel.CONSOLE, False, True),
    ],
)
def test_quiet_hours(level: str, channel: Channel, red_waits: bool, waits: bool) -> None:
    people = {"anna": PEOPLE["anna"].model_copy(update={"red_waits": red_waits})}
    there = Directory(people, {}, {}, {"r": Route(people=("anna",), channels=(channel,))})
    found = Planner(there, (), "operator", NIGHT, 5.0).plan(Ring(ABOUT._replace(level=level), 1, "opened", ""), ())
    (one,) = found.notices
    assert one.state is NoticeState.WAITING
    begins = NOW.replace(day=5, hour=9)
    assert (one.reason, one.due_at) == (("quiet_hours", begins) if waits else ("routed", NIGHT + timedelta(seconds=5)))


@pytest.mark.parametrize(
    ("zone", "now", "begins"),
    [
        ("UTC", "2026-03-04T08:59:59+00:00", "2026-03-04T09:00:00+00:00"),
        ("UTC", "2026-03-04T09:00:00+00:00", None),
        ("UTC", "2026-03-04T17:00:00+00:00", "2026-03-05T09:00:00+00:00"),
        ("UTC", "2026-03-06T20:00:00+00:00", "2026-03-09T09:00:00+00:00"),
        ("Asia/Shanghai", "2026-03-04T00:30:00+00:00", "2026-03-04T01:00:00+00:00"),
        ("Asia/Shanghai", "2026-03-04T10:00:00+00:00", "2026-03-05T01:00:00+00:00"),
        # The clocks go forward on Sunday: nine o'clock comes an hour earlier.
        ("America/New_York", "2026-03-06T23:00:00+00:00", "2026-03-09T13:00:00+00:00"),
        ("America/New_York", "2026-03-05T23:00:00+00:00", "2026-03-06T14:00:00+00:00"),
    ],
)
def test_when_working_hours_begin(zone: str, now: str, begins: str | None) -> None:
    one = Person(time_zone=zone, hours=OFFICE)
    expected = None if begins is None else datetime.fromisoformat(begins)
    assert quiet_until(one, datetime.fromisoformat(now)) == expected


def silence(**match: Any) -> Silence:
    return Silence("s1", SilenceMatch.model_validate(match), NOW, NOW + timedelta(hours=1), "bo", "known")


@pytest.mark.parametrize(
    ("match", "now", "state"),
    [
        ({"books": ["auto"]}, NOW, "dropped"),
        ({"alerts": ["0" * 32]}, NOW, "waiting"),
        ({"books": ["micro"]}, NOW, "waiting"),
        ({"books": ["auto"]}, NOW + timedelta(hours=1), "waiting"),
        ({"books": ["auto"]}, NOW - timedelta(seconds=1), "waiting"),
    ],
)
def test_a_silence_drops_visibly(match: dict[str, Any], now: datetime, state: str) -> None:
    (one,) = plan({"r": Route(people=("bo",))}, now=now, silences=(silence(**match),)).notices
    assert one.state == state
    assert one.silence == ("s1" if state == "dropped" else "")


def test_a_silence_does_not_keep_an_ending_from_those_who_were_told() -> None:
    found = plan({}, "closed", told=(person("bo"),), silences=(silence(books=["auto"]),))
    assert [one.state for one in found.notices] == ["waiting"]


def test_a_silence_must_name_something() -> None:
    with pytest.raises(ValueError, match="matches every alert"):
        SilenceMatch()


def test_a_reminder_goes_to_those_who_were_told_else_to_the_fallback() -> None:
    planner = Planner(directory(), (), "operator", NOW, 5.0)
    assert [one.address for one in planner.remind(ABOUT, [person("bo")])] == [person("bo")]
    assert [one.address for one in planner.remind(ABOUT, [person("gone")])] == [person("operator")]
