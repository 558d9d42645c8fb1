"""Policies: every version that was ever applied (D17)."""

from typing import NamedTuple

import msgspec
from sqlalchemy import func, select

from services.risk.domain.moments import moment_of
from services.risk.domain.policy import Policy, PolicyVersion
from services.risk.store.tables import POLICY
from shared.db.port import Tx
from shared.kernel.days import Day

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Policy).decode
_COLUMNS = tuple(column.name for column in POLICY.columns)
_HISTORY = select(POLICY.c.version, POLICY.c.known_at, POLICY.c.body).order_by(POLICY.c.name, POLICY.c.version)


class Applied(NamedTuple):
    """One version with its text."""

    version: PolicyVersion
    text: str
    digest: str


async def add_version(tx: Tx, applied: Applied, known_at_us: int) -> bool:
    """Write a new version; False when somebody else has just written one of that number."""
    version = applied.version
    row = (
        version.policy.name,
        version.version,
        known_at_us,
        version.policy.effective_from or 0,
        applied.digest,
        applied.text,
        _ENCODE(version.policy),
    )
    return bool(await tx.insert_new(POLICY, _COLUMNS, [row], ("name", "version")))


async def versions_of(tx: Tx, name: str) -> list[Applied]:
    """Return all versions of one policy by number."""
    rows = await tx.rows(select(POLICY).where(POLICY.c.name == name).order_by(POLICY.c.version))
    return [
        Applied(PolicyVersion(_DECODE(row.body), row.version, moment_of(row.known_at)), row.text, row.digest)
        for row in rows
    ]


async def policy_history(tx: Tx) -> list[PolicyVersion]:
    """Return all versions of all policies."""
    rows = await tx.rows(_HISTORY)
    return [PolicyVersion(_DECODE(row.body), row.version, moment_of(row.known_at)) for row in rows]


async def latest_policies(tx: Tx, after: str, limit: int, as_of: Day, known_at_us: int) -> list[Applied]:
    """Return the last version of each policy that is in force on a day, known at a moment, by name, after a name."""
    last = (
        select(POLICY.c.name, func.max(POLICY.c.version).label("version"))
        .where(POLICY.c.effective_from <= as_of, POLICY.c.known_at <= known_at_us)
        .group_by(POLICY.c.name)
        .subquery()
    )
    rows = await tx.rows(
        select(POLICY)
        .join(last, (last.c.name == POLICY.c.name) & (last.c.version == POLICY.c.version))
        .where(POLICY.c.name > after)
        .order_by(POLICY.c.name)
        .limit(limit)
    )
    return [
        Applied(PolicyVersion(_DECODE(row.body), row.version, moment_of(row.known_at)), row.text, row.digest)
        for row in rows
    ]
