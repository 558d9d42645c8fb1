"""`make chaos SEED=n`: the real system under a seeded load and seeded faults, its history kept and judged."""
