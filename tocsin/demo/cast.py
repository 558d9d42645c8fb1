"""Who takes part in the demo: officers and clients, all made up; addresses end in `.example`, nobody's (RFC 2606)."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from tocsin.client import Client
from tocsin.demo.sinks import HOST, HookSink, MailSink
from tocsin.report.answers import SYNTHETIC

OFFICERS = {
    "avery": {"name": "Avery Quinn", "language": "en", "roles": ["credit_officer"]},
    "lin": {"name": "林可", "language": "zh", "roles": ["risk_manager"]},
    "noor": {"name": "Noor Haddad", "language": "en", "roles": ["project_controller"]},
}
"""Person -> who that is; each answers for one owner role of the demo's policy."""
_EVERY = 5
"""One client in so many has told how to be reached."""


def people_file(hooks: HookSink) -> str:
    """Return the provisioning file of notify: three officers, a signed webhook, and who is told of what."""
    people = {name: {**about, "email": f"{name}@lender.example"} for name, about in OFFICERS.items()}
    routes = {
        "owner": {"order": 10, "owner": True, "channels": ["email", "inbox"]},
        "red-to-case-desk": {"order": 20, "match": {"levels": ["red"]}, "endpoints": ["case-desk"]},
    }
    endpoints = {"case-desk": {"url": hooks.url, "secrets": [hooks.secret]}}
    text: str = yaml.safe_dump(
        {"people": people, "endpoints": endpoints, "routes": routes}, sort_keys=False, allow_unicode=True
    )
    return f"# Written by `tocsin demo`: {SYNTHETIC}.\n{text}"


def settings_of(people: Path, mails: MailSink, hooks: HookSink) -> dict[str, str]:
    """Write the people's file; return the settings (environment) of a system that sends to the sinks."""
    people.parent.mkdir(parents=True, exist_ok=True)
    people.write_text(people_file(hooks), encoding="utf-8")
    return {
        "TOCSIN_PEOPLE_FILE": str(people),
        "TOCSIN_SMTP_HOST": HOST,
        "TOCSIN_SMTP_PORT": str(mails.port),
        "TOCSIN_SMTP_TLS": "none",
        "TOCSIN_MAIL_FROM": "tocsin@lender.example",
        "TOCSIN_WEBHOOK_ALLOW": HOST,
        # Years pass within a minute: what is told of them must not wait for company, and clients are asked about
        # a month that has just been closed as a whole.
        "TOCSIN_GROUP_WINDOW_S": "0.1",
        "TOCSIN_SURVEY_HISTORY": "true",
        "TOCSIN_SURVEY_OCCASION_AGE_DAYS": "31",
    }


def chosen_clients(clients: Iterable[str]) -> list[str]:
    """Return the clients who can be reached, the same ones for the same book."""
    return sorted(set(clients))[::_EVERY]


def put_contacts(client: Client, book: str, names: Iterable[str], since: str) -> int:
    """Put a made-up contact, with consent to surveys, for each client; return how many. Refused, NoSystem."""
    count = 0
    for count, name in enumerate(names, 1):
        contact = {
            "book": book,
            "language": "zh" if count % 3 == 0 else "en",
            "name": f"Client {name} (made up)",
            "points": [{"channel": "email", "address": f"client-{name}@clients.example"}],
            "consents": [{"channel": "email", "purpose": "survey", "given": True, "since": since}],
        }
        client.put(f"/intake/v1/clients/{name}/contact", contact)
    return count
