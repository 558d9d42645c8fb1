"""What can be wrong with a fact: values, shapes, bytes and envelopes, drawn from a seed.

Everything starts from the catalogue's examples and stays close to them, so that most of it comes past the first check.
JSON that Python's encoder cannot write (`1e400`, the same key twice, half a surrogate pair) goes in as `Literal`.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from shared.events.examples import example_of
from shared.events.facts import FACTS

CLIENTS, LOANS, PROJECTS, IDS = 8, 16, 4, 400
"""Few names, so that facts meet: the same loan twice, a payment before its loan, an id that was used for another."""
CURRENCIES = ("EUR", "EUR", "EUR", "JPY", "KWD")
"""Of 2, 0 and 3 digits."""
_LIMIT_BYTES = 1024 * 1024


class Literal(str):
    """JSON that is written as it is."""


TEXTS: tuple[Any, ...] = (
    "", " ", "\x00", "a\x00b", "\n", "a\nb", "\u202eabc", "\u2066", "\ufeff", "\u2028", "\U0001d54f", "é", "e\u0301",
    "\uffff", "A" * 64, "A" * 65, "\U0001d54f" * 64, "A" * 70_000, "../../etc/passwd", "'; drop table ledger; --",
    "%s%n", "{{7*7}}", "${jndi:ldap://x}", "null", "book/client", "a b", Literal('"\\ud800"'),
    Literal('"\\udfff\\ud800"'), Literal('"\\u0000"'), Literal('"\\x41"'), Literal('"\t"'),
)  # fmt: skip
NUMBERS: tuple[Any, ...] = (
    0, -0.0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 0.1, 1e308, Literal("1e400"),
    Literal("NaN"), Literal("-Infinity"), Literal("1" * 5_000), Literal("01"), Literal("1."), Literal("0x10"),
)  # fmt: skip
AMOUNTS: tuple[Any, ...] = (
    "0", "0.00", "-1.00", "1e3", "9223372036854775807", "92233720368547758.07", "9999999999999.99",
    "10000000000000.00", "10000000000000.01", "1000000000000.000", "1000000000000000", "0.001", "1.2345", "0.01",
    "٣.٠٠", "1,000.00", " 1.00", "1.00\n", "+1", ".5", "5.", "00000000000000001.00", "Infinity", "NaN", "", "1" * 400,
)  # fmt: skip
DATES: tuple[Any, ...] = (
    "1899-12-31", "1900-01-01", "2199-12-31", "2200-01-01", "9999-12-31", "0001-01-01", "0000-01-01", "2023-02-29",
    "2024-02-29", "2023-1-1", "2023-01-01T00:00:00Z", "20230101", "2023-W01-1", "-2023-01-01", "", 20230101, "today",
)  # fmt: skip
MOMENTS: tuple[Any, ...] = (
    "2023-01-01T00:00:00", "2023-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00", "1900-01-01T00:00:00+23:59", "2023-01-01T24:00:00Z", "2023-12-31T23:59:60Z",
    "2023-01-01T00:00:00.123456789Z", "2023-01-01T00:00:00+99:99", "2023-01-01 00:00:00Z", 1672531200, "",
)  # fmt: skip
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": ""}, {"a": {"b": [1, {"c": None}]}})
KINDS = ("annuity", "equal_principal", "bullet", "given", "", "Annuity", 1, None)
_BY_NAME: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("amount", "principal", "budget"), AMOUNTS),
    **dict.fromkeys(("value_date", "due", "first_due", "forecast", "forecast_completion", "baseline", "actual"), DATES),
    **dict.fromkeys(("first_day", "day"), DATES),
    "known_at": MOMENTS,
    "kind": KINDS,
    "rate": ("0", "5", "5.01", "0.000000000001", "-0.1", "1e-3", "nan", "4.9999999999999", "", 0.05),
    "instalments": (0, 1, 12, 360, 1_200, 1_201, -1, 2**63),
    "every_months": (0, 1, 12, 120, 121, 2**31),
    "holiday_months": (0, 1, 120, 121, -1, 2**63),
    "currency": ("EUR", "JPY", "KWD", "XAU", "eur", "EURO", "", "€"),
}
_DAYS = ("2023-01-01", "2023-01-15", "2023-02-15", "2023-03-01", "2023-06-30", "2023-12-31", "2022-12-31", "2024-01-01")


def fact(dice: random.Random, book: str) -> dict[str, Any]:
    """Return a fact as it may well be valid: an example of the catalogue in this book, about one of few subjects."""
    kind = dice.choice(FACTS).type
    data = deepcopy(example_of(kind))
    data["book"] = book
    _name(dice, data)
    if kind == "tocsin.fact.corrected.v1" and isinstance(data.get("body"), dict):
        body = deepcopy(example_of(dice.choice(FACTS).type))
        _name(dice, body)
        data["body"] = {**body, "book": book}
    return {"specversion": "1.0", "id": f"f{dice.randrange(IDS)}", "source": "fuzz", "type": kind, "data": data}


def _name(dice: random.Random, data: dict[str, Any]) -> None:
    """Let a body speak of the few subjects and days of the fuzzed book."""
    names = {"client": f"c{dice.randrange(CLIENTS)}", "into": f"c{dice.randrange(CLIENTS)}"}
    names |= {"loan": f"l{dice.randrange(LOANS)}", "project": f"p{dice.randrange(PROJECTS)}"}
    names |= {"repayment": f"f{dice.randrange(IDS)}", "fact": f"f{dice.randrange(IDS)}", "currency": "EUR"}
    if dice.random() < 0.1:
        names["currency"] = dice.choice(CURRENCIES)
    data.update({name: value for name, value in names.items() if name in data})
    if dice.random() < 0.9:
        data["value_date"] = dice.choice(_DAYS)
        data["known_at"] = f"{dice.choice(_DAYS)}T12:00:00Z"


def spoiled(dice: random.Random, value: dict[str, Any]) -> dict[str, Any]:
    """Return a fact with something wrong in it, or at its bounds; most often one thing."""
    changed = deepcopy(value)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        _spoil(dice, changed)
    return changed


def _spoil(dice: random.Random, event: dict[str, Any]) -> None:
    holders = [event, *([event["data"]] * 4 if isinstance(event.get("data"), dict) else [])]
    holder = dice.choice(holders)
    inner = [one for one in holder.values() if isinstance(one, dict) and one]
    inner += [one for each in holder.values() if isinstance(each, list) for one in each if isinstance(one, dict)]
    if inner and dice.random() < 0.5:
        holder = dice.choice(inner)
    dice.choice(_WAYS)(dice, holder)


def _put(dice: random.Random, holder: dict[str, Any]) -> None:
    name = dice.choice(sorted(holder) or ["x"])
    holder[name] = odd_value(dice, name)


def odd_value(dice: random.Random, name: str) -> Any:
    """Return a value that is odd for a field of this name, or for any."""
    fitting = _BY_NAME.get(name)
    if fitting is not None and dice.random() < 0.8:
        return dice.choice(fitting)
    return deepcopy(dice.choice(dice.choice((TEXTS, NUMBERS, AMOUNTS, DATES, MOMENTS, OTHERS))))


def _drop(dice: random.Random, holder: dict[str, Any]) -> None:
    if holder:
        del holder[dice.choice(sorted(holder))]


def _add(dice: random.Random, holder: dict[str, Any]) -> None:
    name = dice.choice((*_BY_NAME, "", "\x00", "id", "data", "__proto__", "a" * 5_000, "~/", "unknown"))
    holder[name] = odd_value(dice, name)


def _again(dice: random.Random, holder: dict[str, Any]) -> None:
    """Write a key twice."""
    if not holder:
        return
    name = dice.choice(sorted(holder))
    first, second = dice.sample([holder[name], odd_value(dice, name)], 2)
    holder[name] = Literal(f"{written(first)}, {json.dumps(name)}: {written(second)}")


def _stretch(dice: random.Random, holder: dict[str, Any]) -> None:
    lists = [name for name, one in holder.items() if isinstance(one, list) and one]
    if not lists:
        _put(dice, holder)
        return
    found = holder[dice.choice(lists)]
    dice.choice(
        (lambda: found.extend(found * 3), found.reverse, found.clear, lambda: found.extend([found[0]] * 1_300))
    )()


def _nest(dice: random.Random, holder: dict[str, Any]) -> None:
    depth = dice.choice((3, 100, 900, 5_000))
    name = dice.choice(sorted(holder) or ["x"])
    holder[name] = Literal(dice.choice(("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth)))


def _odd_list(dice: random.Random, holder: dict[str, Any]) -> None:
    """Give a schedule by instalments that are odd together, not one by one."""
    dues = dice.choice((("2023-03-01", "2023-02-01"), ("2023-02-01",) * 2, ("2023-02-01", "2199-12-31"), ()))
    amount = dice.choice(("600.00", "9999999999999.99", "0.01"))
    holder["schedule"] = {"kind": "given", "instalments": [{"due": due, "amount": amount} for due in dues]}


_WAYS: tuple[Callable[[random.Random, dict[str, Any]], None], ...] = (
    _put, _put, _put, _put, _put, _drop, _add, _again, _stretch, _nest, _odd_list,
)  # fmt: skip


def written(value: Any) -> str:
    """Return a value as JSON, with `Literal`s as they are."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {written(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def encoded(value: Any) -> bytes:
    """Return a value as JSON in UTF-8."""
    return written(value).encode("utf-8", "surrogatepass")


def torn(dice: random.Random, body: bytes) -> bytes:
    """Return bytes that were damaged on their way."""
    return dice.choice(_DAMAGES)(dice, body)


def _flipped(dice: random.Random, body: bytes) -> bytes:
    place = dice.randrange(len(body) or 1)
    return body[:place] + bytes([dice.randrange(256)]) + body[place + 1 :]


_DAMAGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flipped,
    _flipped,
    lambda dice, body: body[: dice.randrange(len(body) or 1)],
    lambda dice, body: body + bytes(dice.choices(range(256), k=dice.randrange(1, 20))),
    lambda dice, body: b"\xef\xbb\xbf" + body,
    lambda _, body: body.decode("utf-8", "replace").encode("utf-16"),
    lambda _, body: gzip.compress(body, mtime=0),
    lambda dice, _: bytes(dice.choices(range(256), k=dice.randrange(200))),
    lambda _, body: body.replace(b'"', b"'"),
    lambda _, body: b"[" + body + b"]",
    lambda _, __: b"",
    lambda _, body: body.replace(b"{", b'{"pad": "' + b"x" * _LIMIT_BYTES + b'", ', 1),
    lambda dice, _: b"[" * dice.choice((10, 1_000, 100_000)),
)


def headers_of(dice: random.Random, event: dict[str, Any], *, spoil: bool) -> Iterable[tuple[str, bytes]]:
    """Return the headers of binary mode, with what can be wrong in them."""
    headers = [("content-type", b"application/json")]
    for name in ("specversion", "id", "source", "type"):
        value = event.get(name, "")
        headers.append((f"ce_{name}", value.encode("utf-8", "surrogatepass") if isinstance(value, str) else b"1"))
    if spoil:
        place = dice.randrange(len(headers))
        name, value = headers[place]
        wrong = dice.choice((b"", b"\xff\xfe", b"\x00", b"x" * 100_000, value * 2, value[:1], value.upper()))
        headers[place] = dice.choice(((name, wrong), (name.upper(), value), (f"x{name}", value), ("ce_", wrong)))
        if dice.random() < 0.5:
            headers.append(dice.choice((headers[place], ("traceparent", wrong), ("ce_id", b"another"), ("", wrong))))
    return headers
