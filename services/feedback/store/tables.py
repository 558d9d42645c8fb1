"""Every table of the feedback service. Days are day numbers (`shared.kernel.days`)."""

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, Table, Text

from shared.db.columns import Day, Moment
from shared.db.house import house_tables
from shared.db.letters import Morgue, dead_letter_table
from shared.events.feedback import FeedbackMessageDeadLettered

METADATA = MetaData()
HOUSE = house_tables(METADATA)
DEAD_LETTER = dead_letter_table(METADATA)
MORGUE = Morgue("feedback", HOUSE, DEAD_LETTER, FeedbackMessageDeadLettered)

BOOK_LANE = Table(
    "book_lane",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("closed_through", Day, nullable=False),
)
"""How far each lane of a book is closed (D3); before any close: the day before the book's first."""

CLOSE = Table(
    "close",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("day", Day, primary_key=True),
)
"""Every day on which a book was closed: it says on which day an occasion was first covered, whenever it is read."""

CONTACT = Table(
    "contact",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("client", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("language", Text, nullable=False),
    Column("reachable", Boolean, nullable=False),
    Column("consent", Boolean, nullable=False),
)
"""Whether a client may be asked, and in which language; no name and no address is kept here (D19)."""

ALERT = Table(
    "alert",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("cause", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("indicator", Text, nullable=False),
    Column("segment", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("sentence_zh", Text, nullable=False),
)
"""What must be known of an alert to take a verdict on it: its latest revision, shortened. Verdicts lock its row."""

VERDICT = Table(
    "verdict",
    METADATA,
    Column("request", Text, primary_key=True),
    Column("alert", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("given_at", Moment, nullable=False),
    Column("decision", Text, nullable=False),
    Column("decided_at", Moment, nullable=True),
    Column("alert_state", Text, nullable=False),
    Index("verdict_of", "alert", "by", "number", unique=True),
    Index("verdict_age", "given_at", "request"),
)
"""Every verdict that was given; a changed mind is the next one of the same person. `decision` comes from risk (D15)."""

SURVEY = Table(
    "survey",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("book", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("loan", Text, nullable=False),
    Column("fact", Text, nullable=False),
    Column("value_date", Day, nullable=False),
    Column("known_on", Day, nullable=False),
    Column("ready_on", Day, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("invited_on", Day, nullable=True),
    Column("expires_on", Day, nullable=True),
    Column("expires_at", Moment, nullable=True),
    Column("decided_at", Moment, nullable=True),
    Column("answered_on", Day, nullable=True),
    Column("answered_at", Moment, nullable=True),
    Column("csat", Integer, nullable=True),
    Column("nps", Integer, nullable=True),
    Index("survey_due", "book", "state", "ready_on"),
    Index("survey_client", "book", "client"),
    Index("survey_invited", "book", "invited_on"),
    Index("survey_day", "value_date", "id"),
    Index("survey_fact", "fact"),
)
"""Every occasion to ask a client, once: it waits for its day to close, then it is an invitation or is skipped with a
reason; an invitation is answered once."""

REMARK = Table(
    "remark",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("book", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("survey", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("remark_subject", "book", "kind", "subject", "at"),
    Index("remark_age", "at", "id"),
    Index("remark_survey", "survey"),
)
"""What staff and clients wrote about an alert, a loan or a project; `survey` is where a client wrote it."""
