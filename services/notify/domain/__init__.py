"""Pure decisions of notify."""
