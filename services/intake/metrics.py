"""Every metric that intake exports; labels hold words of the catalogue and of `domain.reasons`, never ids."""

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import Counter, Gauge

FACTS = Counter("tocsin_intake_facts_total", "Facts received, by what became of them", ["way", "outcome", "reason"])
BOOKS_OPENED = Counter("tocsin_intake_books_opened_total", "Books opened")
CONTACTS = Counter("tocsin_intake_contacts_total", "Contacts put, by what became of them", ["outcome"])
CLOSES = Counter("tocsin_intake_closes_total", "Closes that moved a book's day")
QUARANTINE_FACTS = Gauge(
    "tocsin_intake_quarantine_facts", "Facts that wait for others, or are held for a person (quarantined)", ["state"]
)
QUARANTINE_OLDEST_SECONDS = Gauge(
    "tocsin_intake_quarantine_oldest_seconds", "Since when the oldest of those is held", ["state"]
)
DISMISSED = Counter("tocsin_intake_dismissed_total", "Quarantined facts dismissed by a person")


def count_facts(way: str, told: Iterable[tuple[str, str]]) -> None:
    """Count facts that came by `http` or `topic`, each with its outcome and first reason."""
    for (outcome, reason), number in Tally(told).items():
        FACTS.labels(way, outcome, reason).inc(number)
