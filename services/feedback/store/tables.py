"""Every table of the feedback service."""

from sqlalchemy import MetaData

from shared.db.house import house_tables
from shared.db.letters import Morgue, dead_letter_table
from shared.events.feedback import FeedbackMessageDeadLettered

METADATA = MetaData()
HOUSE = house_tables(METADATA)
DEAD_LETTER = dead_letter_table(METADATA)
MORGUE = Morgue("feedback", HOUSE, DEAD_LETTER, FeedbackMessageDeadLettered)
