"""Column types that mean the same on PostgreSQL and SQLite.

Allowed in tables: `Integer`, `BigInteger`, `Text`, `LargeBinary`, `Boolean`, `Float` and the decorators below.
A business date is a plain `Integer` (`shared.kernel.days.Day`).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Day = Integer
"""Column type of a business date: a day number (`shared.kernel.days`)."""


class Moment(TypeDecorator[datetime]):
    """A moment with a zone, stored as microseconds since 1970 (UTC), so that both engines compare and sort it alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return microseconds; ValueError for a datetime without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a zone")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


class JsonText(TypeDecorator[Any]):
    """A JSON document as text: written compactly by msgspec, read back as plain Python values."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the JSON text; None stays NULL."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return dicts, lists, strings and numbers."""
        return None if value is None else msgspec.json.decode(value)


def sequence_type() -> BigInteger:
    """Return the type of a growing number drawn by the database: BIGINT, on SQLite the INTEGER that it counts by.

    The table also needs `sqlite_autoincrement=True`, so that a number is never drawn twice.
    """
    return BigInteger().with_variant(Integer(), "sqlite")
