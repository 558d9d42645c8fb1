"""Use cases of intake: load, decide, save, emit. Each runs inside a transaction that its caller opened."""
