"""Seeded, structure-aware fuzzing: what an enemy, or a broken program, may send us."""
