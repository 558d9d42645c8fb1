"""People, silences and messages on the command line, against a running system."""

import json
from pathlib import Path

from tests.support.served import Served, served

__all__ = ["served"]

PEOPLE = """people:
  anna: {name: Anna, roles: [credit_officer]}
routes:
  owner: {owner: true}
"""


def test_a_file_of_people_is_checked_applied_and_listed(served: Served, tmp_path: Path) -> None:
    good, bad = tmp_path / "people.yaml", tmp_path / "bad.yaml"
    good.write_text(PEOPLE)
    bad.write_text(PEOPLE + "  wrong: {}\n")
    assert served.run("people", "check", good).code == 0
    refused = served.run("people", "check", bad, "--json")
    assert (refused.code, json.loads(refused.out)["errors"][0]["line"]) == (1, 5)
    applied = served.run("people", "apply", bad)
    assert (applied.code, "line 5" in applied.err) == (1, True)
    first = served.run("people", "apply", good, "--json").json()
    assert first == {"created": 2, "changed": 0, "removed": 0, "unchanged": 0}
    assert served.run("people", "apply", good).out.strip() == "0 created, 0 changed, 0 removed, 2 unchanged"
    assert [one["id"] for one in served.run("people", "list", "--json").json()] == ["anna"]
    assert "owner True" in served.run("people", "list", "--kind", "routes").out
    assert served.run("people", "show", "anna", "--json").json()["origin"] == "file"
    assert served.run("people", "show", "nobody").code == 1


def test_a_silence_is_added_listed_and_ended(served: Served) -> None:
    added = served.run("silences", "add", "--hours", "2", "--book", "auto", "--comment", "known", "--json").json()
    assert added["id"] in served.run("silences", "list").out
    assert served.run("silences", "end", added["id"], "--by", "anna").code == 0
    assert "Nothing is silenced" in served.run("silences", "list").out
    assert served.run("silences", "list", "--over", "--json").json()[0]["ended_by"] == "anna"
    everything = served.run("silences", "add", "--hours", "2", "--comment", "all")
    assert (everything.code, "at least one condition" in everything.err) == (1, True)


def test_messages_are_listed(served: Served) -> None:
    assert "No message" in served.run("messages", "list", "--state", "failed").out
    assert "Nothing is held" in served.run("messages", "held").out
    assert "empty" in served.run("messages", "inbox", "anna").out
    assert served.run("messages", "show", "0" * 32).code == 1
    assert served.run("messages", "resend", "0" * 32).code == 1
