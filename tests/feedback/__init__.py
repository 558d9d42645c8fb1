"""Feedback: domain, handlers on both engines, HTTP, and its pages in a real browser."""
