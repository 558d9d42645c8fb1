"""People, teams, endpoints and routes from a file: everything that is wrong with it at once, each error with its line.

```yaml
people:
  anna:
    name: Anna Weber
    language: en                # or zh
    roles: [credit_officer]
    email: anna@bank.example
    time_zone: Europe/Berlin
    hours: {days: [mon, tue, wed, thu, fri], from: 09:00, to: 17:00}   # left out: at any time
teams:
  desk: {members: [anna]}
endpoints:
  chat: {url: https://chat.bank.example/hook, secrets: [whsec_...]}    # newest first
routes:
  red: {order: 10, match: {levels: [red]}, teams: [desk], endpoints: [chat], channels: [email, inbox]}
  all: {order: 20, owner: true}                                       # whoever has the alert's owner role
```
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, Field, ValidationError

from services.notify.domain.directory import Endpoint, Id, Person, Route, Shape, Team

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 12
MAX_ERRORS = 200
_NAMED = (
    ("teams", "members", "people"),
    ("routes", "people", "people"),
    ("routes", "teams", "teams"),
    ("routes", "endpoints", "endpoints"),
)
"""Who names whom: entries of a kind, in a field, entries of another kind."""
_NULL = "tag:yaml.org,2002:null"
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Provisioned(Shape):
    """What a file says, whole: what it does not name and came from a file before goes."""

    people: dict[Id, Person] = Field(default={}, max_length=5_000)
    teams: dict[Id, Team] = Field(default={}, max_length=1_000)
    endpoints: dict[Id, Endpoint] = Field(default={}, max_length=500)
    routes: dict[Id, Route] = Field(default={}, max_length=1_000)

    def by_kind(self) -> dict[str, Mapping[str, BaseModel]]:
        """Return the entries by kind and id."""
        return {"person": self.people, "team": self.teams, "endpoint": self.endpoints, "route": self.routes}


class Wrong(NamedTuple):
    """One thing that is wrong: the line (from 1), where in the document (`people.anna.hours`), and what."""

    line: int
    path: str
    detail: str


class Parsed(NamedTuple):
    """What a text says, or all its errors by line; never both."""

    provisioned: Provisioned | None
    errors: Sequence[Wrong]


def parse(text: str) -> Parsed:
    """Return what a YAML text says, or everything that is wrong with it."""
    if len(text) > MAX_CHARACTERS:
        return Parsed(None, [Wrong(1, "", f"at most {MAX_CHARACTERS:,} characters, this has {len(text):,}")])
    try:
        if hostile := _hostile(text):
            return Parsed(None, [hostile])
        root = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = min(int(mark.line), text.count("\n")) + 1 if mark is not None else 1
        return Parsed(None, [Wrong(line, "", f"this is not YAML: {getattr(error, 'problem', None) or error}")])
    errors: list[Wrong] = []
    lines: dict[tuple[str, ...], int] = {(): 1}
    values = {} if root is None else _plain(root, (), lines, errors)
    provisioned: Provisioned | None = None
    try:
        provisioned = Provisioned.model_validate(values)
    except ValidationError as invalid:
        errors += [_wrong(tuple(str(part) for part in one["loc"]), one["msg"], lines) for one in invalid.errors()]
    errors += _dangling(values, lines)
    errors.sort()
    return Parsed(None if errors else provisioned, errors[:MAX_ERRORS])


def _hostile(text: str) -> Wrong | None:
    """Walk the text's events, which neither recurse nor expand: return why building its nodes is not safe."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.AliasEvent):
            return Wrong(line, "", "aliases (*name) are not allowed: write the value where it holds")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            return Wrong(line, "", f"at most {MAX_DEPTH} levels deep")
    return None


def _plain(node: yaml.Node, path: tuple[str, ...], lines: dict[tuple[str, ...], int], errors: list[Wrong]) -> Any:
    """Return a node as plain values, every scalar as it is written: 17:00 is a time here, not a number of base 60."""
    lines[path] = int(node.start_mark.line) + 1
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each, (*path, str(place)), lines, errors) for place, each in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if not name or name in found:
                what = f"{name} is there twice" if name else "a key must be a plain word"
                errors.append(Wrong(int(key.start_mark.line) + 1, ".".join((*path, name)), what))
            found[name] = _plain(value, (*path, name), lines, errors)
        return found
    return None if node.tag == _NULL else str(node.value)


def _wrong(path: tuple[str, ...], detail: str, lines: Mapping[tuple[str, ...], int]) -> Wrong:
    """Return an error at the line of its place, or of the nearest place around it."""
    shown = tuple(part for part in path if part != "[key]")
    place = shown
    while place not in lines:
        place = place[:-1]
    return Wrong(lines[place], ".".join(shown), detail.removeprefix("Value error, "))


def _dangling(values: Any, lines: Mapping[tuple[str, ...], int]) -> list[Wrong]:
    """Return the names in a file, wrong elsewhere or not, that lead nowhere: most likely they are misspelt."""
    found: list[Wrong] = []
    for kind, field, of in _NAMED:
        there = _mapping(_mapping(values).get(of))
        for name, entry in _mapping(_mapping(values).get(kind)).items():
            named = _mapping(entry).get(field)
            found += [
                _wrong((kind, name, field, str(place)), f"{who} is not in this file", lines)
                for place, who in enumerate(named if isinstance(named, list) else ())
                if isinstance(who, str) and who not in there
            ]
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return what a place says by name; nothing when it says something else, which is told elsewhere."""
    return value if isinstance(value, dict) else {}
