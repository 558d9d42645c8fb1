"""Risk's tables and the queries over them: functions of a transaction, no commits, no decisions."""
