"""Applying threshold policies: a new version when the text is new, and every book that it touches rated again (D17)."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from services.risk.domain.indicators import INDICATORS
from services.risk.domain.moments import micros_of
from services.risk.domain.policy import Catalogue, Policy, PolicyVersion
from services.risk.domain.policy_file import Parsed, parse
from services.risk.handlers.fold import EVALUATE
from services.risk.store import books, marks, policies
from services.risk.store.policies import Applied
from services.risk.store.tables import HOUSE
from shared.db import outbox
from shared.db.outbox import OutboxRow
from shared.db.port import DatabaseUnavailable, Tx
from shared.events.base import Topic
from shared.events.envelope import Envelope, to_headers
from shared.events.facts import ATTRIBUTES
from shared.events.risk import PolicyApplied
from shared.kernel.days import date_of
from shared.kernel.ids import digest_of, hashed_id
from shared.log.lanes import lane_of
from shared.telemetry import traceparent

CATALOGUE = Catalogue(INDICATORS, ATTRIBUTES)


class Outcome(StrEnum):
    """What became of a policy text."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"


class Decided(NamedTuple):
    """The version that holds now, and whether it is new."""

    outcome: Outcome
    applied: Applied


def check_policy(text: str) -> Parsed:
    """Return the policy that a text says, or everything that is wrong with it."""
    return parse(text, CATALOGUE)


async def apply_policy(tx: Tx, policy: Policy, text: str, partitions: int) -> Decided:
    """Make a text the next version of its policy, and mark the books that it or the version before speaks of."""
    digest = digest_of(text.encode())
    before = await policies.versions_of(tx, policy.name)
    if before and before[-1].digest == digest:
        return Decided(Outcome.UNCHANGED, before[-1])
    version = PolicyVersion(policy, len(before) + 1, tx.now)
    applied = Applied(version, text, digest)
    if not await policies.add_version(tx, applied, micros_of(tx.now)):
        raise DatabaseUnavailable("another version of the policy was applied at the same moment")
    touched = dict.fromkeys(policy.books)
    if before:
        touched.update(dict.fromkeys(before[-1].version.policy.books))
    await _mark(tx, list(touched), version)
    await outbox.put(tx, HOUSE, [_message(tx, applied, book, partitions) for book in touched])
    return Decided(Outcome.APPLIED, applied)


async def _mark(tx: Tx, touched: list[str], version: PolicyVersion) -> None:
    """Have the books rated again that are there already; a book that comes later is rated by what holds then."""
    known = await books.books_named(tx, touched)
    rows = [
        marks.Mark(
            name,
            f"policy/{version.policy.name}/{version.version:08d}",
            marks.EVERY_SEGMENT,
            max(book.terms.first_day, version.policy.effective_from or 0),
            micros_of(tx.now),
            "policy",
            traceparent(),
        )
        for name, book in known.items()
    ]
    await marks.add_marks(tx, rows)
    for name in known:
        await tx.wake(EVALUATE, name)


def _message(tx: Tx, applied: Applied, book: str, partitions: int) -> OutboxRow:
    version = applied.version
    effective = version.policy.effective_from
    message = PolicyApplied(
        policy=version.policy.name,
        version=version.version,
        book=book,
        known_at=tx.now,
        effective_from=None if effective is None else date_of(effective),
        text=applied.text,
    )
    event_id = hashed_id("policy", message.policy, message.version, book)
    envelope = Envelope(
        id=event_id,
        source="/tocsin/risk",
        type=PolicyApplied.type,
        time=tx.now,
        subject=message.policy,
        book=book,
        known_at=tx.now,
        traceparent=traceparent(),
    )
    body = msgspec.json.encode(message)
    return OutboxRow(event_id, Topic.RISK, lane_of(book, partitions), book, to_headers(envelope), body)
