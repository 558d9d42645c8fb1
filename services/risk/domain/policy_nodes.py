"""Typed reading of YAML nodes that collects what is wrong with its place instead of stopping at the first error."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from difflib import get_close_matches

import msgspec
import yaml

from shared.kernel.days import EARLIEST, LATEST, Day, parse_day
from shared.kernel.money import CURRENCY_DIGITS

MAX_TEXT = 500

_STRING = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_FRACTION = re.compile(r"(-?[0-9]{1,9}(?:\.[0-9]{1,12})?) ?(%?)", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,2})?) ?(h|min)", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)


class PolicyError(msgspec.Struct, frozen=True):
    """One thing that is wrong: the line (from 1), where in the document (`books.auto[0].red.enter`), and what."""

    line: int
    path: str
    message: str


class Problems:
    """What was found wrong so far, and which rule ids are taken."""

    def __init__(self) -> None:
        self.errors: list[PolicyError] = []
        self._claimed: dict[str, int] = {}

    def add(self, line: int, path: str, message: str) -> None:
        """Note an error."""
        self.errors.append(PolicyError(line, path, message))

    def claim(self, identity: str, line: int, path: str) -> None:
        """Note a rule's id; a second rule with it is an error, because a rule's course is remembered by its id."""
        if identity in self._claimed:
            self.add(line, f"{path}.id", f"there is another rule {identity} in line {self._claimed[identity]}")
        self._claimed.setdefault(identity, line)


def line_of(node: yaml.Node) -> int:
    """Return the line in which a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


class Fields:
    """The keys of one mapping, read one by one; every reader notes what is wrong and returns None or the default."""

    def __init__(self, node: yaml.MappingNode, path: str, problems: Problems) -> None:
        """Take a mapping; use `of` to make one from any node."""
        self.line = line_of(node)
        self.path = path
        self.problems = problems
        self._keys: dict[str, yaml.Node] = {}
        self._values: dict[str, yaml.Node] = {}

    @classmethod
    def of(
        cls, node: yaml.Node | None, path: str, allowed: Sequence[str] | None, problems: Problems
    ) -> "Fields | None":
        """Return the fields of a node, None (and an error) when it is no mapping; `allowed` None allows any key."""
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            expected = f"keys such as {', '.join(allowed[:3])}" if allowed else "names, each with its list of rules"
            problems.add(line_of(node), path, f"there must be {expected} here")
            return None
        fields = cls(node, path, problems)
        for key, value in node.value:
            fields._take(key, value, allowed)
        return fields

    def _take(self, key: yaml.Node, value: yaml.Node, allowed: Sequence[str] | None) -> None:
        """Keep one key, or note why it cannot be kept."""
        if not isinstance(key, yaml.ScalarNode):
            self.problem_at(key, "", "a key must be a plain word")
        elif key.value in self._keys:
            self.problem_at(key, key.value, f"is there twice, first in line {line_of(self._keys[key.value])}")
        elif allowed is not None and key.value not in allowed:
            self.problem_at(key, key.value, f"unknown key {key.value}{_meant(key.value, allowed)}")
        else:
            self._keys[key.value] = key
            self._values[key.value] = value

    @property
    def names(self) -> tuple[str, ...]:
        """Return the keys in their order."""
        return tuple(self._keys)

    def has(self, name: str) -> bool:
        """Tell whether a key is there."""
        return name in self._keys

    def problem(self, name: str, message: str) -> None:
        """Note what is wrong with a key; at the mapping itself when the key is not there."""
        place = self._values.get(name)
        self.problems.add(self.line if place is None else line_of(place), self._path(name), message)

    def problem_at(self, node: yaml.Node, name: str, message: str) -> None:
        """Note what is wrong with a node under a key."""
        self.problems.add(line_of(node), self._path(name), message)

    def _path(self, name: str) -> str:
        return ".".join(part for part in (self.path, name) if part)

    def check_key(self, name: str, pattern: str, hint: str) -> None:
        """Check how a key is written."""
        if not re.fullmatch(pattern, name, re.ASCII):
            self.problem_at(self._keys[name], name, f"{name!r} is not a name: {hint}")

    def node(self, name: str, *, required: bool = False) -> yaml.Node | None:
        """Return the node of a key."""
        found = self._values.get(name)
        if found is None and required:
            self.problem(name, f"{name} is missing")
        return found

    def items(self, name: str) -> list[yaml.Node]:
        """Return the nodes of a list that may not be empty."""
        node = self._values[name]
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.problem(name, "there must be a list of rules here, each beginning with `- id:`")
            return []
        return list(node.value)

    def _scalar(self, name: str, node: yaml.Node, expected: str) -> str | None:
        """Return a plain value as it is written."""
        if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL:
            self.problem_at(node, name, f"must be {expected}")
            return None
        return str(node.value).strip()

    def _text_of(self, name: str, node: yaml.Node, expected: str) -> str | None:
        """Return a text; numbers, dates and yes/no are not texts unless quoted."""
        value = self._scalar(name, node, expected)
        if value is None:
            return None
        if node.tag != _STRING:
            self.problem_at(node, name, f"{value} is read as {node.tag.rpartition(':')[2]}: put it in quotes")
            return None
        if len(value) > MAX_TEXT or not value.isprintable():
            self.problem_at(node, name, f"must be at most {MAX_TEXT} printable characters in one line")
            return None
        return value

    def text(self, name: str, pattern: str | None = None, hint: str = "text", *, required: bool = False) -> str | None:
        """Return a text that matches a pattern."""
        node = self.node(name, required=required)
        value = self._text_of(name, node, hint) if node is not None else None
        if value is not None and pattern is not None and not re.fullmatch(pattern, value, re.ASCII):
            self.problem(name, f"{value!r} is not a name: {hint}")
            return None
        return value

    def texts(self, name: str) -> list[tuple[yaml.Node, str]]:
        """Return one text or a list of texts, each with its place; nothing when the key is not there."""
        node = self._values.get(name)
        if node is None:
            return []
        nodes = list(node.value) if isinstance(node, yaml.SequenceNode) else [node]
        read = ((each, self._text_of(name, each, "a name or a list of names")) for each in nodes)
        return [(each, value) for each, value in read if value is not None]

    def choice(self, name: str, allowed: Sequence[str], default: str | None) -> str:
        """Return one of some words; without a default the key must be there. Wrong: the default or an empty text."""
        node = self.node(name, required=default is None)
        value = self._text_of(name, node, f"one of {', '.join(allowed)}") if node is not None else None
        if value is None or value in allowed:
            return value or default or ""
        self.problem(name, f"{value!r} is unknown{_meant(value, allowed)}; {_choices(allowed)}")
        return default or ""

    def choices(self, name: str, allowed: Sequence[str]) -> list[str]:
        """Return one or several of some words, each once."""
        found: list[str] = []
        for node, value in self.texts(name):
            if value not in allowed:
                self.problem_at(node, name, f"{value!r} is unknown{_meant(value, allowed)}; {_choices(allowed)}")
            elif value in found:
                self.problem_at(node, name, f"{value} is named twice")
            found.append(value)
        return found

    def day(self, name: str) -> Day | None:
        """Return a date, None when the key is not there."""
        node = self._values.get(name)
        value = self._scalar(name, node, "a date such as 2020-01-31") if node is not None else None
        if value is None:
            return None
        try:
            day = parse_day(value) if len(value) == len(date.min.isoformat()) else 0
        except ValueError:
            day = 0
        if not EARLIEST <= day <= LATEST:
            self.problem(name, f"{value} is no date between 1900-01-01 and 2199-12-31, written such as 2020-01-31")
            return None
        return day

    def currency(self, name: str) -> str | None:
        """Return an ISO 4217 code, None when the key is not there."""
        value = self.text(name, hint="a currency code such as USD")
        if value is not None and value not in CURRENCY_DIGITS:
            self.problem(name, f"{value} is not an ISO 4217 currency code")
            return None
        return value

    def count(self, name: str, default: int, least: int, most: int = 1_000_000_000) -> int:
        """Return a whole number, the default when the key is not there."""
        node = self._values.get(name)
        value = self._scalar(name, node, "a whole number") if node is not None else None
        if value is None:
            return default
        if not _COUNT.fullmatch(value) or not least <= int(value) <= most:
            self.problem(name, f"{value} is no whole number from {least:,} to {most:,}")
            return default
        return int(value)

    def hours(self, name: str, most: int) -> float | None:
        """Return a time written `4h` or `30min` in hours, None when the key is not there."""
        node = self._values.get(name)
        value = self._scalar(name, node, "a time such as 4h or 30min") if node is not None else None
        if value is None:
            return None
        match = _DURATION.fullmatch(value)
        hours = 0.0 if match is None else float(match.group(1)) / (60 if match.group(2) == "min" else 1)
        if not 0 < hours <= most:
            self.problem(name, f"{value!r} is no time up to {most} hours: write it such as 4h or 30min")
            return None
        return hours

    def fraction(self, name: str, lowest: float = 0.0) -> float | None:
        """Return a rate from `lowest` to 1, written `13 %` or `0.13`; the key must be there."""
        node = self.node(name, required=True)
        value = self._scalar(name, node, "a rate such as 13 % or 0.13") if node is not None else None
        if value is None:
            return None
        match = _FRACTION.fullmatch(value)
        if match is None:
            self.problem(name, f"{value!r} is no rate: write it such as 13 % or 0.13")
            return None
        number, percent = Decimal(match.group(1)), match.group(2)
        fraction = number / 100 if percent else number
        if fraction < 0 and lowest >= 0:
            self.problem(name, f"{value} is negative")
        elif fraction < lowest:
            self.problem(name, f"{value} is less than {lowest:.0%}, which this indicator cannot be")
        elif fraction > 1 and not percent:
            self.problem(name, f"{value} is more than 1: write {number} % or {number / 100}")
        elif fraction > 1:
            self.problem(name, f"{value} is more than 100 %, which no rate can be")
        else:
            return float(fraction)
        return None


def _choices(allowed: Sequence[str]) -> str:
    return f"it can only be {allowed[0]}" if len(allowed) == 1 else f"there are {', '.join(allowed)}"


def _meant(word: str, allowed: Sequence[str]) -> str:
    """Return a guess at the word that was meant."""
    close = get_close_matches(word, allowed, n=1)
    return f", did you mean {close[0]}?" if close else ""
