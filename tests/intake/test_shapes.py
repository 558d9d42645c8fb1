"""What intake knows of the catalogue is the catalogue, and what its document says of bodies is what it takes."""

import msgspec
import pytest

from services.intake.api.documents import event_schema, resource_schema
from services.intake.domain.rules import RULES
from services.intake.handlers.books import OpenBook
from services.intake.handlers.explaining import explain_json
from services.intake.handlers.shapes import DECODERS, STRICT
from shared.events.facts import FACTS, Fact
from shared.events.intake import BookOpened
from tests.intake.house import loan


def test_every_fact_of_the_catalogue_has_its_rule() -> None:
    assert set(RULES) == set(DECODERS) == {fact.type for fact in FACTS}


@pytest.mark.parametrize("fact", FACTS)
def test_strict_twins_have_the_catalogues_fields(fact: type[Fact]) -> None:
    def fields(kind: type[msgspec.Struct]) -> list[tuple[str, bool]]:
        return [(one.name, one.required) for one in msgspec.structs.fields(kind)]

    assert fields(STRICT[fact.type]) == fields(fact)
    rule = RULES[fact.type]
    named = {name for name, _ in fields(fact)}
    assert named >= {*rule.ids, *rule.amounts, *({rule.subject} - {""}), *({rule.refers} - {""})}
    schema = resource_schema(fact.type)
    assert set(schema["properties"]) == named | {"id", "source"}
    assert schema["additionalProperties"] is False


def test_a_twin_decodes_what_the_catalogue_decodes() -> None:
    body = msgspec.json.encode(loan()["data"])
    twin = DECODERS["tocsin.loan.disbursed.v1"].decode(body)
    fact = next(one for one in FACTS if one.type == "tocsin.loan.disbursed.v1")
    assert msgspec.to_builtins(twin) == {"attributes": {}} | msgspec.to_builtins(msgspec.json.decode(body, type=fact))


def test_opening_a_book_takes_the_fields_that_every_lane_is_told() -> None:
    assert OpenBook.__struct_fields__ == BookOpened.__struct_fields__


def test_the_document_names_every_type_of_fact() -> None:
    assert {one["title"] for one in event_schema()["oneOf"]} == set(RULES)


def test_what_did_not_decode_is_explained_field_by_field() -> None:
    body = msgspec.json.encode(loan(schedule={"kind": "given", "instalments": [{"amount": 5, "x": 1}]})["data"])
    partial, found = explain_json(body, STRICT["tocsin.loan.disbursed.v1"], "")
    assert partial is not None
    assert (partial.loan, partial.schedule, partial.nothing) == ("L1", None, None)
    assert {one.pointer for one in found} == {
        "/schedule/instalments/0/x",
        "/schedule/instalments/0/due",
        "/schedule/instalments/0/amount",
    }
