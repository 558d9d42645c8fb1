"""Sends a tape's facts in batches and keeps account of what became of each."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tocsin.client import Client, Json, NoSystem
from tocsin.profiles.base import Reject, TapeFact

BATCH_FACTS = 1_000
_NDJSON = "application/x-ndjson"
_NOT_TAKEN = frozenset({"refused", "conflict"})
_encode = msgspec.json.Encoder().encode


@dataclass
class Account:
    """What became of the facts: counts by outcome, those that wait in quarantine, and those that were not taken."""

    outcomes: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    skipped: int = 0
    """Facts of months that an earlier run of the same tape has finished."""
    closes: int = 0

    @property
    def sent(self) -> int:
        """How many facts were sent and answered."""
        return self.outcomes.total()

    @property
    def refused(self) -> int:
        """How many facts the system did not take."""
        return sum(self.outcomes[outcome] for outcome in _NOT_TAKEN)


def send_facts(
    client: Client, facts: Sequence[TapeFact], account: Account, on_batch: Callable[[int], None] = lambda _: None
) -> None:
    """Send facts in their order and note each answer; `on_batch` hears how many were just answered."""
    for batch in _batches(facts):
        body = b"\n".join([_encode(fact.event) for fact in batch])
        items = client.post_bytes("/intake/v1/facts", body, _NDJSON).get("items", [])
        if len(items) != len(batch):
            raise NoSystem(f"{len(batch)} facts were sent and {len(items)} answered: this is not a system like ours")
        for fact, item in zip(batch, items, strict=True):
            outcome = str(item.get("outcome"))
            account.outcomes[outcome] += 1
            if outcome in _NOT_TAKEN:
                account.rejects.extend(_rejects(fact, item))
        on_batch(len(batch))


def write_rejects(path: Path, rejects: Iterable[Reject]) -> None:
    """Write a CSV file: file, row (the header is row 1), column, reason."""
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(Reject._fields)
        writer.writerows(rejects)


def _batches(facts: Sequence[TapeFact]) -> Iterator[Sequence[TapeFact]]:
    for start in range(0, len(facts), BATCH_FACTS):
        yield facts[start : start + BATCH_FACTS]


def _rejects(fact: TapeFact, item: Json) -> Iterator[Reject]:
    errors = item.get("errors") or [{"pointer": "", "detail": str(item.get("outcome"))}]
    for error in errors:
        column = str(error.get("pointer", "")).removeprefix("/data")
        reason = f"{item.get('outcome')}: {error.get('detail', '')} (fact {fact.id})"
        yield Reject(fact.origin.file, fact.origin.row, column, reason)
