"""API keys and the rights that routes name."""
