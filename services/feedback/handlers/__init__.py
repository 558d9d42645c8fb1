"""Use cases of feedback: verb_noun(tx, input)."""
