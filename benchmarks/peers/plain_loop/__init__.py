"""One peer; see `run`."""
