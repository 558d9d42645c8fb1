"""Every table of the risk service. Days are day numbers (`shared.kernel.days`), moments microseconds since 1970 (UTC).

Keys of many narrow rows are ordered so that one segment's measure is one contiguous range.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    column,
    literal_column,
)

from shared.db.house import house_tables
from shared.db.letters import Morgue, dead_letter_table
from shared.events.risk import MessageDeadLettered

METADATA = MetaData()
HOUSE = house_tables(METADATA)
SOURCE = "/tocsin/risk"
"""CloudEvents source of what risk says."""


def _partial(name: str, where: ColumnElement[bool], *columns: str) -> Index:
    """Return an index of those rows only of which `where` is true."""
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


LEDGER = Table(
    "ledger",
    METADATA,
    Column("event_id", Text, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("book", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("value_date", Integer, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("target", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ledger_subject", "subject", "value_date", "known_at"),
    Index("ledger_book", "book", "value_date"),
    sqlite_with_rowid=True,
)
"""Each fact once (D10); append-only. `subject` is `kind/book/id`: what the fact is folded into."""

BOOK = Table(
    "book",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("base_currency", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("first_day", Integer, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("terms", LargeBinary, nullable=False),
)

BOOK_PARTITION = Table(
    "book_partition",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("closed_through", Integer, nullable=False),
    Column("known_at", BigInteger, nullable=False),
)
"""How far each lane of a book is closed (D3); the book's day is the least over all partitions."""

CLOSE = Table(
    "close",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("known_at", BigInteger, nullable=False),
)

FOLDED = Table(
    "folded",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("facts", Integer, nullable=False),
    Column("digest", BigInteger, nullable=False),
    Column("ids", LargeBinary, nullable=False),
)
"""What was folded, counted as intake counts what it accepted (R12): a row for each batch, at the offset of its last
fact, so that facts of a day are those between two closes of the lane; `ids` names them (`shared.kernel.tally`)."""

LANE_CLOSE = Table(
    "lane_close",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("since", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("accepted", BigInteger, nullable=True),
    Column("accepted_digest", BigInteger, nullable=False),
    Column("folded", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("unaccepted", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("closed_at", BigInteger, nullable=False),
    Index("lane_close_day", "book", "day", "partition"),
    Index("lane_close_state", "state"),
)
"""Where in a lane each close lies, what intake said at it, and how that compares with what was folded. The first row is
where the lane opened the book; one from before begins with a close that was compared with nothing."""

CLIENT = Table(
    "client",
    METADATA,
    Column("book", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("alias_of", Text, nullable=False),
    Column("moves", LargeBinary, nullable=False),
    Column("degraded", Boolean, nullable=False),
    # A batch asks for its clients by their names: what is asked for comes first.
    PrimaryKeyConstraint("client", "book"),
    _partial("client_degraded", column("degraded", Boolean).is_(True), "book", "client"),
)
"""`moves` is the packed history of the client's segment attributes (D18)."""

ACTIVE: ColumnElement[bool] = column("status") == literal_column("'active'")
"""The condition that a loan is active, as its index has it: with a parameter it would not be known to be the same."""

LOAN = Table(
    "loan",
    METADATA,
    Column("book", Text, nullable=False),
    Column("loan", Text, nullable=False),
    Column("subject", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("weight_minor", BigInteger, nullable=False),
    Column("oldest_due", Integer, nullable=True),
    Column("end_day", Integer, nullable=True),
    Column("state", LargeBinary, nullable=True),
    Index("loan_client", "client", "book"),
    # What a repayment moves stands in one index: PostgreSQL writes every index of a row anew for it.
    _partial("loan_heaviest", ACTIVE, "book", "weight_minor", "oldest_due"),
    _partial("loan_ended", column("end_day").is_not(None), "book", "end_day"),
)
"""The saved state from which the live path goes on; absent when the facts so far make no loan. `weight_minor` is the
principal, or what it was before the loan ended."""

PROJECT = Table(
    "project",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("subject", Text, nullable=False, unique=True),
    Column("client", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("state", LargeBinary, nullable=True),
    Index("project_client", "client", "book"),
)

SURVEY = Table(
    "survey",
    METADATA,
    Column("book", Text, nullable=False),
    Column("survey", Text, nullable=False),
    Column("subject", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("state", LargeBinary, nullable=True),
    Index("survey_client", "client", "book"),
)

CURE = Table(
    "cure",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("since", Integer, primary_key=True, autoincrement=False),
    Column("cured_on", Integer, nullable=False),
)
"""Spells of arrears of whose cure the world was told: no spell that overlaps one of them is told again."""

TALLY = Table(
    "tally",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("book", Text, nullable=False),
    Column("segment", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Index("tally_name", "book", "segment", "measure", "currency", unique=True),
)
"""What is counted; the number is hashed from the rest, so that it is known without asking."""

COUNTER = Table(
    "counter",
    METADATA,
    Column("tally", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 60},
)
"""What the facts of a day add to a tally, per partition: summed on read, so there is no hot row.

Most are added to again. With room on its page PostgreSQL keeps the new version of a row there and its index as it is:
of those of 120,000 facts 98 % instead of 42 %, which takes a quarter less time, and no more space.
"""

COUNTER_MONTH = Table(
    "counter_month",
    METADATA,
    Column("tally", BigInteger, primary_key=True, autoincrement=False),
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 60},
)
"""The same by month, so that a level at a date costs months of history and not days."""

MARK = Table(
    "mark",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("dirty_from", Integer, primary_key=True, autoincrement=False),
    Column("known_at", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("traceparent", Text, nullable=False, server_default=""),
)
"""What the evaluator has to look at again. Only ever inserted, and deleted by the evaluator that read it: the two
cannot conflict."""

ANOMALY = Table(
    "anomaly",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("book", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("value_date", Integer, nullable=False),
    Index("anomaly_book", "book", "value_date"),
)
"""Facts that contradict what is known of their loan or project; they are folded all the same (D11)."""

DEAD_LETTER = dead_letter_table(METADATA)
MORGUE = Morgue("risk", HOUSE, DEAD_LETTER, MessageDeadLettered)

POLICY = Table(
    "policy",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("known_at", BigInteger, nullable=False),
    Column("effective_from", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Every version of every policy, never overwritten (D17): its text as given, and packed as parsed."""

EVALUATOR = Table(
    "evaluator",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("evaluated_through", Integer, nullable=False),
    Column("final_month", Integer, nullable=False),
    Column("feed", BigInteger, nullable=False),
    Index("evaluator_owner", "owner"),
)
"""Who rates a book (D16), how far, its last final month, and the number of the last alert revision of the book."""

_SERIES_KEY = ("book", "indicator", "basis", "currency", "period_kind", "segment")

INDICATOR_VALUE = Table(
    "indicator_value",
    METADATA,
    *(Column(name, Text, primary_key=True) for name in _SERIES_KEY),
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("value", Float, nullable=True),
    Column("numerator", BigInteger, nullable=False),
    Column("denominator", BigInteger, nullable=False),
    Column("sample", BigInteger, nullable=False),
    Column("parts", Text, nullable=False),
    Column("as_of", Integer, nullable=False),
    Column("known_from", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("definition_version", Integer, nullable=False),
)
"""Published values of final periods, append-only (D6). `period` is a month or day number."""

ALERT = Table(
    "alert",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("cause_id", Text, nullable=False),
    Column("episode", Integer, nullable=False),
    *(Column(name, Text, nullable=False) for name in (*_SERIES_KEY, "direction")),
    Column("state", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("rule", Text, nullable=False),
    Column("as_of", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("course", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("alert_cause", "cause_id", "episode", unique=True),
    Index("alert_book", "book", "state"),
    Index("alert_order", "as_of", "id"),
)
"""Alerts as they stand (D12): `course` is what the next derivation compares with, `body` the latest revision as JSON,
`as_of` the last day of the period in which it opened; `policy`, `policy_version` and `rule` say by which rule it
opened, as its course stands now: what a verdict on it is a verdict on."""

AWAITED = Table(
    "awaited",
    METADATA,
    Column("event_id", Text, primary_key=True),
    Column("alert", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("book", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("as_of", Integer, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Index("awaited_book", "book", "decided_at"),
)
"""Revisions of alerts of which notify has not said yet that it has planned whom to tell (R12)."""

ALERT_REQUEST = Table(
    "alert_request",
    METADATA,
    Column("request", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("alert", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
)
"""What other services asked of alerts, and what was decided (D15): a request is decided once."""

VERDICT = Table(
    "verdict",
    METADATA,
    Column("alert", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("request", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("given_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
)
"""What people said of alerts, append-only, numbered from 1 for each alert; the last one counts."""

ALERT_REVISION = Table(
    "alert_revision",
    METADATA,
    Column("alert", Text, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("book", Text, nullable=False),
    Column("feed", BigInteger, nullable=False),
    Column("as_of", Integer, nullable=False),
    Column("known_from", BigInteger, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("alert_revision_feed", "book", "feed", unique=True),
)
"""Every revision of every alert; `feed` numbers a book's revisions in the order of decision."""
