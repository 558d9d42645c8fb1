"""Use cases of the risk service: load, decide, save, emit, in the caller's transaction."""
