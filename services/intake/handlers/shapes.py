"""The catalogue's facts as intake takes them in: the same fields, but unknown ones are refused.

Readers ignore unknown fields (additive change), so the catalogue's own structs do; a producer that sends one made a
mistake and is told. The strict twins are made from the catalogue, so the two cannot drift apart.
"""

import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from services.intake.domain.contacts import EMAIL_LENGTH_MAX, NAME_LENGTH_MAX
from services.intake.domain.findings import (
    AMOUNT_PATTERN,
    BOOK_PATTERN,
    CURRENCY_PATTERN,
    ID_LENGTH_MAX,
    ID_PATTERN,
    RATE_PATTERN,
    SOURCE_LENGTH_MAX,
    WORD_LENGTH_MAX,
)
from services.intake.domain.schedules import EVERY_MONTHS_MAX, INSTALMENTS_MAX
from shared.events.facts import FACTS, Attributes, Fact

Refine = Callable[[str, Any], Any]
"""Given a field's name and type, returns the type to use."""


def twin(kind: Any, refine: Refine, made: dict[Any, Any] | None = None) -> Any:
    """Return a type like `kind` in which every struct forbids unknown fields and every field's type is refined."""
    made = {} if made is None else made
    if kind in made:
        return made[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        made[kind] = _struct_twin(kind, refine, made)
        return made[kind]
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return Union[tuple(twin(one, refine, made) for one in get_args(kind))]  # noqa: UP007 - built at run time
    if origin is list:
        return list[twin(get_args(kind)[0], refine, made)]  # type: ignore[misc]
    return kind


def _struct_twin(kind: type[msgspec.Struct], refine: Refine, made: dict[Any, Any]) -> type[msgspec.Struct]:
    fields: list[Any] = []
    for field in msgspec.structs.fields(kind):
        refined = refine(field.name, twin(field.type, refine, made))
        if field.default_factory is not msgspec.NODEFAULT:
            fields.append((field.name, refined, msgspec.field(default_factory=field.default_factory)))
        elif field.default is msgspec.NODEFAULT:
            fields.append((field.name, refined))
        elif isinstance(field.default, msgspec.Struct):
            fields.append((field.name, refined, msgspec.field(default_factory=twin(type(field.default), refine, made))))
        else:
            fields.append((field.name, refined, field.default))
    config = kind.__struct_config__
    return msgspec.defstruct(
        kind.__name__,
        fields,
        tag=config.tag,
        tag_field=config.tag_field,
        frozen=True,
        gc=False,
        kw_only=True,
        omit_defaults=True,
        forbid_unknown_fields=True,
        module=__name__,
    )


def _as_it_is(_name: str, kind: Any) -> Any:
    return kind


_ID = msgspec.Meta(pattern=ID_PATTERN, description="Id in the lender's own system")
_REFERENCE = msgspec.Meta(
    min_length=1, max_length=ID_LENGTH_MAX, description="Producer's id of an earlier fact, or its event id"
)
_AMOUNT = msgspec.Meta(pattern=AMOUNT_PATTERN, description="Decimal amount with at most the currency's digits")
_WORD = msgspec.Meta(min_length=1, max_length=WORD_LENGTH_MAX)
_CONSTRAINTS: dict[str, msgspec.Meta] = {
    "book": msgspec.Meta(pattern=BOOK_PATTERN, description="Id of the book"),
    **dict.fromkeys(("client", "into", "loan", "project", "milestone"), _ID),
    **dict.fromkeys(("repayment", "fact"), _REFERENCE),
    **dict.fromkeys(("amount", "principal", "budget"), _AMOUNT),
    "rate": msgspec.Meta(pattern=RATE_PATTERN, description="Yearly nominal rate as a fraction, 0 to 5"),
    **dict.fromkeys(("currency", "base_currency"), msgspec.Meta(pattern=CURRENCY_PATTERN, description="ISO 4217 code")),
    **dict.fromkeys((*Attributes.__struct_fields__, "phase"), _WORD),
    "instalments": msgspec.Meta(ge=1, le=INSTALMENTS_MAX),
    "every_months": msgspec.Meta(ge=1, le=EVERY_MONTHS_MAX),
    "holiday_months": msgspec.Meta(ge=1, le=120),
    "dpd_offset": msgspec.Meta(ge=0, le=1),
    "known_at": msgspec.Meta(
        tz=True, description="When the lender knew, with a time zone; when absent, when it was received"
    ),
    "value_date": msgspec.Meta(description="When it was true: a business date of the book"),
    "name": msgspec.Meta(max_length=NAME_LENGTH_MAX, description="What to call the client in messages"),
    "address": msgspec.Meta(
        max_length=EMAIL_LENGTH_MAX, description="Of an e-mail: ASCII", extra_json_schema={"format": "email"}
    ),
    "id": msgspec.Meta(
        min_length=1, max_length=ID_LENGTH_MAX, description="The producer's id of this fact; made when absent"
    ),
    "source": msgspec.Meta(
        min_length=1, max_length=SOURCE_LENGTH_MAX, description="Who says so: ids are unique within it"
    ),
}


def constrained(name: str, kind: Any) -> Any:
    """Return a field's type with the constraints that the OpenAPI documents tell; the rules hold at least those."""
    meta = _CONSTRAINTS.get(name)
    if meta is None or get_origin(kind) is Literal:
        return kind
    if get_origin(kind) in (Union, types.UnionType):
        return Union[tuple(one if one is type(None) else _annotated(one, meta) for one in get_args(kind))]  # noqa: UP007
    return _annotated(kind, meta)


def _annotated(kind: Any, meta: msgspec.Meta) -> Any:
    if get_origin(kind) is list:
        meta = msgspec.Meta(min_length=1, max_length=INSTALMENTS_MAX)
    return Annotated[kind, meta]


STRICT: dict[str, type[Any]] = {}
"""By CloudEvents type: the struct into which facts are decoded."""
DECODERS: dict[str, msgspec.json.Decoder[Any]] = {}
_made: dict[Any, Any] = {}
for _fact in FACTS:
    STRICT[_fact.type] = twin(_fact, _as_it_is, _made)
    DECODERS[_fact.type] = msgspec.json.Decoder(STRICT[_fact.type])
FACT_BY_TYPE: dict[str, type[Fact]] = {fact.type: fact for fact in FACTS}
