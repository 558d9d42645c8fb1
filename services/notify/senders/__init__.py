"""Channels: one folder each; a sender sends one message outside any transaction and says what became of it."""
