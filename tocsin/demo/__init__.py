"""The demo: a system of its own, two public books replayed into it, every alert told when it rings."""
