"""Moments as whole microseconds since 1970 (UTC): integers sort and compare alike in Python and in both databases."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

END_OF_TIME_US = 2**62
"""Later than every moment: reads that do not ask for an earlier `known_at`."""


def micros_of(moment: datetime) -> int:
    """Return a moment (with a zone) as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(micros: int) -> datetime:
    """Return the moment (UTC) of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)
