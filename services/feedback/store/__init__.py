"""Tables and queries of feedback, as functions of (tx, ...)."""
