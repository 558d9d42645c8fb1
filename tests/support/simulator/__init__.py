"""A seeded simulator of all four services, in one thread: `ending.run(seed)` disturbs a world and judges its end."""
