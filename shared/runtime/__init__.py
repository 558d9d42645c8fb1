"""How a composed service runs: HTTP, consume loop, relay, lifecycle, and the two platforms."""
