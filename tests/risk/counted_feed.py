"""A feed whose closes say what was accepted, as intake's do; facts can be lost, doubled or forged on the way."""

from datetime import date
from typing import Any

import msgspec

from shared.events import intake
from shared.events.envelope import Envelope, to_headers
from shared.kernel.days import date_of, day_of
from shared.kernel.ids import hashed_id
from shared.kernel.tally import pack_ids, tally_of
from shared.log.port import Record
from tests.risk.feed import PARTITIONS, SOURCE, TOPIC, Feed, at


class CountedFeed(Feed):
    """Counts the facts of each lane since the last close."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted: list[list[str]] = [[] for _ in range(PARTITIONS)]
        self.since = day_of(date(2020, 1, 1))
        self.losing = False
        """What is said from now on is accepted and never arrives."""
        self.forging = False
        """What is said from now on arrives and was never accepted."""

    def append(self, lane: int, envelope: Envelope, body: Any, key: str) -> Record:
        """Append one message, unless it is to be lost."""
        if envelope.client and not self.forging and envelope.id not in self.accepted[lane]:
            self.accepted[lane].append(envelope.id)
        if self.losing:
            return Record(TOPIC, lane, -1, key.encode(), to_headers(envelope), msgspec.json.encode(body), 0)
        return super().append(lane, envelope, body, key)

    def again(self, record: Record) -> None:
        """Say a record once more, as a relay does that was killed before it noted what it had sent."""
        self.lanes[record.partition].append(record._replace(offset=len(self.lanes[record.partition])))

    def close(self, day: str, book: str = "auto") -> None:
        """Close a day on every lane with its tally."""
        for lane in range(PARTITIONS):
            tally = tally_of(pack_ids(self.accepted[lane]))
            message = intake.BookDayClosed(
                book=book,
                day=date.fromisoformat(day),
                known_at=at(day, 23),
                since=date_of(self.since),
                accepted=tally.facts,
                accepted_digest=tally.digest,
            )
            envelope = Envelope(
                id=hashed_id(book, day, lane),
                source=SOURCE,
                type=message.type,
                time=at(day, 23),
                subject=book,
                book=book,
            )
            super().append(lane, envelope, message, book)
            self.accepted[lane] = []
        self.since = day_of(date.fromisoformat(day)) + 1
