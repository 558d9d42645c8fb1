"""Use cases of notify: verb_noun(tx, input)."""
