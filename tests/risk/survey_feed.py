"""Feeds surveys to risk: the feedback topic in memory, beside the feed of facts."""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from services.risk.app import build
from services.risk.settings import RiskSettings
from shared.events.base import Topic
from shared.events.envelope import Envelope, to_headers
from shared.events.feedback import SurveyAnswered, SurveyInvited
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from shared.log.port import Record
from shared.log.sqlite import open_sqlite_log
from shared.runtime.service import Batch, Platform, Subscription
from tests.risk.feed import OWNER, PARTITIONS, AnyDatabase, at, new_clock


class Surveys:
    """The feedback topic, as feedback would write it; `client`s are in the lanes in which `Feed` has them."""

    def __init__(self) -> None:
        self.lanes: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        self.folded = [0] * PARTITIONS

    def invite(self, survey: str, client: str, day: str, name: str = "", expires: str = "", book: str = "auto") -> None:
        """A client is invited on a day; without a date the survey expires two weeks later."""
        until = date.fromisoformat(expires) if expires else date.fromisoformat(day) + timedelta(days=14)
        message = SurveyInvited(
            survey=survey,
            book=book,
            client=client,
            occasion="loan_closed",
            invited_on=date.fromisoformat(day),
            expires_on=until,
            expires_at=at(until.isoformat()),
        )
        self.append(message, client, name or f"{survey} invited", day)

    def answer(
        self,
        survey: str,
        client: str,
        day: str,
        csat: int | None = None,
        nps: int | None = None,
        name: str = "",
        book: str = "auto",
    ) -> None:
        """A client answers on a day."""
        message = SurveyAnswered(
            survey=survey, book=book, client=client, answered_on=date.fromisoformat(day), csat=csat, nps=nps
        )
        self.append(message, client, name or f"{survey} answered", day)

    def append(self, message: SurveyInvited | SurveyAnswered, client: str, name: str, day: str) -> None:
        """Append one message to its client's lane."""
        envelope = Envelope(
            id=hashed_id("feedback", name),
            source="/tests",
            type=type(message).type,
            time=at(day),
            book=message.book,
            client=client,
        )
        key = f"{message.book}/{client}"
        lane = lane_of(key, PARTITIONS)
        headers, body = to_headers(envelope), msgspec.json.encode(message)
        self.lanes[lane].append(Record(Topic.FEEDBACK, lane, len(self.lanes[lane]), key.encode(), headers, body, 0))

    def pending(self, batch_records: int = 2_000) -> Iterable[Batch]:
        """Return what has not been folded yet, lane by lane."""
        for lane, records in enumerate(self.lanes):
            while self.folded[lane] < len(records):
                part = records[self.folded[lane] : self.folded[lane] + batch_records]
                self.folded[lane] += len(part)
                yield Batch(Topic.FEEDBACK, lane, 1, part)


def subscription_of(database: AnyDatabase) -> Subscription:
    """Risk's own subscription to the feedback topic."""
    platform = Platform(log=open_sqlite_log(None), clock=new_clock(), partitions=PARTITIONS, owner=OWNER)
    found = build(RiskSettings(), platform, database).subscriptions
    return next(one for one in found if one.topic == Topic.FEEDBACK)


async def fold_surveys(database: AnyDatabase, surveys: Surveys, batch_records: int = 2_000) -> None:
    """Fold everything that is pending."""
    subscription = subscription_of(database)
    for batch in surveys.pending(batch_records):
        async with database.transaction() as tx:
            await subscription.handle(tx, batch)
