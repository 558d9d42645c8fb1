"""Notify: domain, handlers on both engines, channels and wording, HTTP, crash points."""
