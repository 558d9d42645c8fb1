"""Tables and queries of notify, as functions of (tx, ...)."""
