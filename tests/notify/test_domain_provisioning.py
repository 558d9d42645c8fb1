"""The provisioning file: what it says, and everything that is wrong with it at once, each with its line."""

import pytest

from services.notify.domain.provisioning import MAX_CHARACTERS, MAX_DEPTH, parse
from tests.notify.house import PEOPLE

GOOD = """people:
  anna:
    name: "韦安娜"
    language: zh
    roles: [credit_officer]
    email: anna@bank.example
    time_zone: Europe/Berlin
    hours: {days: [mon, sat], from: 09:00, to: 17:30}
    red_waits: yes
routes:
  all: {order: 20, owner: true, last: false}
"""


def test_a_file_is_read_as_it_is_meant() -> None:
    parsed = parse(GOOD)
    assert not parsed.errors
    assert parsed.provisioned is not None
    anna = parsed.provisioned.people["anna"]
    assert anna.hours is not None
    assert (anna.language, anna.red_waits, str(anna.hours.starts), str(anna.hours.ends)) == (
        "zh",
        True,
        "09:00:00",
        "17:30:00",
    )
    assert parsed.provisioned.routes["all"].order == 20
    assert parse(PEOPLE).provisioned is not None


def test_an_empty_file_names_nobody() -> None:
    parsed = parse("")
    assert parsed.provisioned is not None
    assert not parsed.provisioned.people


WRONG = """people:
  anna:
    language: fr
    email: not an address
    hours: {from: 18:00, to: 09:00}
    time_zone: Mars/Olympus
    phone: 123
  anna: {}
  "b o": {}
teams:
  desk:
    members: [anna, carl]
routes:
  nowhere: {order: 1}
endpoints:
  chat: {url: ftp://x, secrets: []}
"""


def test_every_error_is_told_at_once_with_its_line() -> None:
    parsed = parse(WRONG)
    assert parsed.provisioned is None
    found = {(one.line, one.path) for one in parsed.errors}
    assert {
        (8, "people.anna"),
        (9, "people.b o"),
        (14, "routes.nowhere"),
        (16, "endpoints.chat.url"),
        (16, "endpoints.chat.secrets"),
    } <= found


def test_fields_of_one_entry_are_told_with_their_lines() -> None:
    parsed = parse(WRONG.replace("  anna: {}\n", ""))
    places = {(one.line, one.path) for one in parsed.errors}
    assert {
        (3, "people.anna.language"),
        (4, "people.anna.email"),
        (5, "people.anna.hours"),
        (6, "people.anna.time_zone"),
        (7, "people.anna.phone"),
    } <= places


@pytest.mark.parametrize("address", ["jürgen@bank.example", "ann@bücher.example", "a b@bank.example", "a@b, c@d"])
def test_an_address_that_no_letter_can_be_written_to_is_told_at_once(address: str) -> None:
    (one,) = parse(f'people:\n  ann: {{email: "{address}"}}\n').errors
    assert (one.line, one.path) == (2, "people.ann.email")
    assert "is not an e-mail address" in one.detail
    assert parse('people: {ann: {email: "o\'b+x!#$%/=?^_`{|}~y@xn--bcher-kva.example"}}').errors == []


def test_names_that_lead_nowhere_are_told_beside_all_other_errors() -> None:
    places = {(one.line, one.path) for one in parse(WRONG).errors}
    assert {(12, "teams.desk.members.1"), (16, "endpoints.chat.url")} <= places


def test_names_that_lead_nowhere_are_told() -> None:
    parsed = parse("people:\n  anna: {}\nteams:\n  desk:\n    members:\n      - anna\n      - carl\n")
    (one,) = parsed.errors
    assert one == (7, "teams.desk.members.1", "carl is not in this file")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("people: [\n", 2, "not YAML"),
        ("a: &x 1\nb: *x\n", 2, "aliases"),
        ("people: " + "[" * (MAX_DEPTH + 1), 1, "levels deep"),
        ("#" * (MAX_CHARACTERS + 1), 1, "characters"),
        ("- a\n", 1, ""),
        ("people:\n  ? [a]\n  : {}\n", 2, "plain word"),
        ("people:\n  a: \ud800\n", 1, "not YAML"),
    ],
)
def test_hostile_and_broken_files(text: str, line: int, words: str) -> None:
    parsed = parse(text)
    assert parsed.provisioned is None
    assert parsed.errors[0].line == line
    assert words in parsed.errors[0].detail
