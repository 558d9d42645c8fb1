"""Everything that is wrong with a body that did not decode: the slow way, taken only then.

The fast decoder stops at the first error; a caller wants all of them, each with its place.
"""

import types
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from services.intake.domain.findings import Finding

FINDINGS_MAX = 100
_PLAINER = {
    "Invalid RFC3339 encoded date": "is not a date of the calendar such as 2020-04-15",
    "Invalid RFC3339 encoded datetime": "is not a moment with a time zone such as 2020-04-01T09:30:00Z",
}


class Partial:
    """What could be read of a struct: fields as attributes, None for those that are absent or wrong."""

    def __init__(self, fields: dict[str, Any]) -> None:
        """Hold the fields that are right."""
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        """Return a field, None when there is none."""
        return self.__dict__["_fields"].get(name)


def explain_json(body: bytes, kind: type[Any], error: str) -> tuple[Partial | None, list[Finding]]:
    """Return what could be read of a JSON body and what is wrong with its shape; `error` is the decoder's."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as malformed:
        return None, [Finding("", explain_wrong(str(malformed)))]
    return explain(value, kind, error)


def explain(value: Any, kind: type[Any], error: str) -> tuple[Partial | None, list[Finding]]:
    """Return what could be read of a decoded value and what is wrong with its shape."""
    found: list[Finding] = []
    partial = _struct(value, kind, "", found)
    if not found:
        found.append(Finding("", explain_wrong(error)))
    return partial, found[:FINDINGS_MAX]


def explain_wrong(error: str) -> str:
    """Return an error of the decoder in the words that callers read; nothing of the body is repeated."""
    text = error.partition(" - at `")[0]
    if "codec can't decode" in text:
        return "is not UTF-8"
    if "recursion" in text:
        return "is nested too deeply"
    return _PLAINER.get(text, text)


def _struct(value: Any, kind: type[Any], place: str, found: list[Finding]) -> Partial | None:
    if not isinstance(value, dict):
        found.append(Finding(place, "is not a JSON object"))
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    tag_field = kind.__struct_config__.tag_field
    found.extend(
        Finding(f"{place}/{_escaped(name)}", "is not a field of this")
        for name in value
        if name not in fields and name != tag_field
    )
    read: dict[str, Any] = {}
    for name, field in fields.items():
        if name in value:
            before = len(found)
            converted = _value(value[name], field.type, f"{place}/{name}", found)
            if len(found) == before:
                read[name] = converted
        elif field.required:
            found.append(Finding(f"{place}/{name}", "is required"))
        elif field.default_factory is not msgspec.NODEFAULT:
            read[name] = field.default_factory()
        else:
            read[name] = field.default
    return Partial(read)


def _value(value: Any, kind: Any, place: str, found: list[Finding]) -> Any:
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        if get_origin(kind) is Literal:
            found.append(Finding(place, f"one of {', '.join(map(str, get_args(kind)))}"))
            return None
        before = len(found)
        _inside(value, kind, place, found)
        if len(found) == before:
            found.append(Finding(place, explain_wrong(str(error))))
    return None


def _inside(value: Any, kind: Any, place: str, found: list[Finding]) -> None:
    """Look for the errors inside a struct, one of several structs told apart by a tag, or a list of structs."""
    choices = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    structs = [one for one in choices if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    if get_origin(kind) is list and isinstance(value, list):
        for number, one in enumerate(value[:FINDINGS_MAX]):
            _value(one, get_args(kind)[0], f"{place}/{number}", found)
    elif structs and isinstance(value, dict):
        chosen = _tagged(value, structs, place, found)
        if chosen is not None:
            _struct(value, chosen, place, found)


def _tagged(value: dict[str, Any], structs: list[type[Any]], place: str, found: list[Finding]) -> type[Any] | None:
    config = structs[0].__struct_config__
    if config.tag_field is None:
        return structs[0]
    by_tag = {one.__struct_config__.tag: one for one in structs}
    tag = value.get(config.tag_field)
    if isinstance(tag, str) and tag in by_tag:
        return by_tag[tag]
    found.append(Finding(f"{place}/{config.tag_field}", f"one of {', '.join(sorted(map(str, by_tag)))}"))
    return None


def _escaped(name: str) -> str:
    return name[:64].replace("~", "~0").replace("/", "~1")
