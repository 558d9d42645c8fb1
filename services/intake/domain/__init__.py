"""Intake's pure part: what a fact must be like, what it needs to be known, and what to do with it."""
