"""The same work by other means, each in an environment of its own."""
