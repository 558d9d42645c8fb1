"""Tables of intake and their queries: functions of a transaction that never commit and never decide."""

from services.intake.store.tables import house, metadata

__all__ = ["house", "metadata"]
