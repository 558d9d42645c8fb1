"""Policies: every version that was ever applied (D17)."""

from typing import NamedTuple

import msgspec
from sqlalchemy import func, select

from services.risk.domain.policy import Policy, PolicyVersion
from services.risk.moments import moment_of
from services.risk.store.tables import POLICY
from shared.db.port import Tx

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Policy).decode
_COLUMNS = tuple(column.name for column in POLICY.columns)


class Applied(NamedTuple):
    """One version with its text."""

    version: PolicyVersion
    text: str
    digest: str


async def add_version(tx: Tx, applied: Applied, known_at_us: int) -> None:
    """Write a new version."""
    version = applied.version
    row = (
        version.policy.name,
        version.version,
        known_at_us,
        applied.digest,
        applied.text,
        _ENCODE(version.policy),
    )
    await tx.insert(POLICY, _COLUMNS, [row])


async def versions_of(tx: Tx, name: str) -> list[Applied]:
    """Return all versions of one policy by number."""
    rows = await tx.rows(select(POLICY).where(POLICY.c.name == name).order_by(POLICY.c.version))
    return [
        Applied(PolicyVersion(_DECODE(row.body), row.version, moment_of(row.known_at)), row.text, row.digest)
        for row in rows
    ]


async def policy_history(tx: Tx) -> list[PolicyVersion]:
    """Return all versions of all policies."""
    rows = await tx.rows(
        select(POLICY.c.version, POLICY.c.known_at, POLICY.c.body).order_by(POLICY.c.name, POLICY.c.version)
    )
    return [PolicyVersion(_DECODE(row.body), row.version, moment_of(row.known_at)) for row in rows]


async def latest_policies(tx: Tx, after: str, limit: int) -> list[Applied]:
    """Return the last version of each policy by name, after a name."""
    last = select(POLICY.c.name, func.max(POLICY.c.version).label("version")).group_by(POLICY.c.name).subquery()
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
