"""Pure decisions of feedback."""
