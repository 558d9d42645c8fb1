"""The walls of the house, and tests that a breach of each is caught."""
