"""Tables of intake and their queries: functions of a transaction that never commit and never decide."""

from services.intake.store.tables import HOUSE, METADATA

__all__ = ["HOUSE", "METADATA"]
