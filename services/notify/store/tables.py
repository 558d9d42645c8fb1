"""Every table of the notify service."""

from sqlalchemy import MetaData

from shared.db.house import house_tables
from shared.db.letters import Morgue, dead_letter_table
from shared.events.notify import NotifyMessageDeadLettered

METADATA = MetaData()
HOUSE = house_tables(METADATA)
DEAD_LETTER = dead_letter_table(METADATA)
MORGUE = Morgue("notify", HOUSE, DEAD_LETTER, NotifyMessageDeadLettered)
