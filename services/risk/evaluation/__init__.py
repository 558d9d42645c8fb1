"""The evaluator (D16): publishes what became final or changed, rates it, moves alerts; one transaction per book."""
