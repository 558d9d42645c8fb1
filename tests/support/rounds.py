"""A story in rounds, one month of a book each, in which every service has something to do: told again after a crash.

Every other month nobody pays, so that an alert opens or closes in each: people are told of it, one of them takes it on,
another judges it; a late payment comes into the month before, a loan ends, its client is asked. What is told twice is
the same, so a round can be told anew from its beginning whenever the system came to an end in it.
"""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import yaml

from tests.support.processes import System, eventually
from tests.support.small_book import fact
from tocsin.demo.sinks import HOST, HookSink, MailSink

BOOK = "rounds"
ROUNDS = 20
_LOANS = 6
_WITHIN_S = 60.0
_POLICY = f"""
policy: rounds
books:
  {BOOK}:
    - id: missed
      indicator: missed_payment_rate
      basis: count
      segments: portfolio
      period: month
      direction: above
      red: {{enter: 60 %, leave: 40 %}}
      owner: portfolio_manager
"""
_OPENING = {
    "book": BOOK,
    "base_currency": "EUR",
    "time_zone": "UTC",
    "calendar": "WEEKENDS",
    "first_day": "2020-01-01",
    "known_at": "2020-01-01T00:00:00Z",
}


def month_of(number: int) -> dt.date:
    """Return the first day of a round's month."""
    return dt.date(2020 + (number + 1) // 12, (number + 1) % 12 + 1, 1)


def end_of(number: int) -> dt.date:
    """Return the last day of a round's month."""
    return month_of(number + 1) - dt.timedelta(days=1)


def about(identity: str, what: str, day: dt.date, **body: Any) -> dict[str, Any]:
    """Return a fact of this book."""
    return fact(identity, what, day, **{"book": BOOK, **body})


def settings_of(folder: Path, mails: MailSink, hooks: HookSink) -> dict[str, str]:
    """Return the settings of a system whose messages go to these."""
    people = {
        "people": {"olga": {"name": "Olga", "roles": ["portfolio_manager"], "email": "olga@bank.example"}},
        "endpoints": {"desk": {"url": hooks.url, "secrets": [hooks.secret]}},
        "routes": {
            "owner": {"order": 10, "owner": True, "channels": ["email", "inbox"]},
            "desk": {"order": 20, "match": {}, "endpoints": ["desk"]},
        },
    }
    (folder / "people.yaml").write_text(yaml.safe_dump(people))
    return {
        "TOCSIN_PEOPLE_FILE": str(folder / "people.yaml"),
        "TOCSIN_SMTP_HOST": HOST,
        "TOCSIN_SMTP_PORT": str(mails.port),
        "TOCSIN_SMTP_TLS": "none",
        "TOCSIN_WEBHOOK_ALLOW": HOST,
        "TOCSIN_GROUP_WINDOW_S": "0",
        "TOCSIN_SURVEY_HISTORY": "true",
        "TOCSIN_SURVEY_OCCASION_AGE_DAYS": "31",
        # What was under way when a process ended is taken up again once its lease has run out.
        "TOCSIN_SEND_TIMEOUT_S": "0.2",
        "TOCSIN_RETRY_FIRST_S": "0.1",
    }


def begin(system: System) -> None:
    """Open the book, apply the policy, register clients, with contacts of those who will be asked, and loans."""
    assert system.post("/intake/v1/books", _OPENING).status_code in (200, 201)
    assert system.post("/risk/v1/policies", {"text": _POLICY}).status_code in (200, 201)
    facts = []
    first = dt.date(2020, 1, 1)
    schedule = {"kind": "equal_principal", "first_due": "2020-02-15", "instalments": ROUNDS + 2, "rate": "0"}
    terms = {"currency": "EUR", "principal": f"{100 * (ROUNDS + 2)}.00", "schedule": schedule}
    for number in range(_LOANS):
        facts.append(about(f"c{number}", "client.registered", first, client=f"c{number}", kind="company"))
        loan = {"loan": f"l{number}", "client": f"c{number}"}
        facts.append(about(f"l{number}", "loan.disbursed", first, **loan, **terms))
    asked = [f"s{number}" for number in range(ROUNDS)]
    facts += [about(f"c-{name}", "client.registered", first, client=name, kind="person") for name in asked]
    system.send_facts(facts)
    for name in asked:
        contact = {
            "book": BOOK,
            "language": "en",
            "name": name,
            "points": [{"channel": "email", "address": f"{name}@clients.example"}],
            "consents": [{"channel": "email", "purpose": "survey", "given": True, "since": "2020-01-01"}],
        }
        assert system.request("PUT", f"/intake/v1/clients/{name}/contact", json=contact).status_code == 200


def tell(system: System, number: int) -> None:
    """Tell one round and see everything through that follows from it."""
    system.send_facts(_facts_of(number))
    day = end_of(number).isoformat()
    close = {"day": day, "known_at": f"{day}T23:00:00Z"}
    assert system.post(f"/intake/v1/books/{BOOK}/closes", close).status_code in (200, 201)
    system.settle(BOOK, _WITHIN_S)
    eventually(lambda: _asked(system, f"s{number}"), _WITHIN_S, lambda: "the client whose loan ended is not asked")
    if alerts := system.get("/risk/v1/alerts", book=BOOK, limit=200)["items"]:
        alert = max(alerts, key=lambda one: one["opened_period"])["id"]
        eventually(lambda: _judged(system, alert, f"round {number}"), _WITHIN_S, lambda: "no verdict is decided")
        eventually(lambda: _taken_on(system, alert, f"round {number}"), _WITHIN_S, lambda: "nobody takes it on")
        system.post(f"/risk/v1/alerts/{alert}/acknowledgements", {"by": f"officer-{number}"})
    eventually(lambda: _told(system), _WITHIN_S, lambda: str(_waiting(system)))


def _facts_of(number: int) -> list[dict[str, Any]]:
    day = month_of(number).replace(day=15)
    paid = {"amount": "100.00", "currency": "EUR"}
    facts = []
    if number % 2 == 0:
        facts = [about(f"p{n}-{number}", "repayment.received", day, loan=f"l{n}", **paid) for n in range(_LOANS)]
    else:
        # The month before was paid; this is more for it, and comes after its close.
        late = end_of(number - 1)
        facts.append(about(f"late-{number}", "repayment.received", late, loan="l0", amount="1.00", currency="EUR"))
    name = f"s{number}"
    schedule = {"kind": "equal_principal", "first_due": "2030-01-15", "instalments": 2, "rate": "0"}
    loan = {"client": name, "currency": "EUR", "principal": "100.00", "schedule": schedule}
    return [
        *facts,
        about(f"l-{name}", "loan.disbursed", month_of(number), loan=name, **loan),
        about(f"x-{name}", "loan.closed", end_of(number), loan=name),
    ]


def foreign_fact(number: int) -> dict[str, Any]:
    """Return a fact that another producer puts on the log."""
    return about(f"f{number}", "client.registered", dt.date(2020, 1, 2), client=f"foreign-{number}", kind="company")


def _asked(system: System, client: str) -> bool:
    found = system.get("/feedback/v1/surveys", book=BOOK, client=client)["items"]
    return bool(found) and found[0]["state"] == "invited"


def _judged(system: System, alert: str, comment: str) -> bool:
    said = {"by": "olga", "verdict": "true", "comment": comment}
    answer = system.post(f"/feedback/v1/alerts/{alert}/verdicts", said)
    if answer.status_code == 404:
        return False  # The alert has not come to feedback yet.
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["decision"] not in (None, "pending")


def _taken_on(system: System, alert: str, comment: str) -> bool:
    items = system.get("/notify/v1/inbox/olga", limit=5)["items"]
    for item in items:
        asked = {"alert": alert, "comment": comment}
        answer = system.post(f"/notify/v1/inbox/olga/{item['id']}/acknowledgements", asked)
        if answer.status_code == 404:
            continue
        assert answer.status_code == 202, answer.text
        return answer.json()["items"][0]["decision"] is not None
    return False


def _waiting(system: System) -> list[dict[str, Any]]:
    paths = ("/notify/v1/messages", "/notify/v1/held")
    return [item for path in paths for item in system.get(path, state="waiting")["items"]]


def _told(system: System) -> bool:
    return not _waiting(system)


def _see_messages_through(system: System) -> None:
    # What was being sent as a process ended is decided only when the lease of its destination has run out.
    eventually(lambda: not _under_way(system), _WITHIN_S, lambda: str(_under_way(system)))


def _under_way(system: System) -> list[dict[str, Any]]:
    held = system.get("/notify/v1/held", state="waiting")["items"]
    messages = system.get("/notify/v1/messages", limit=500)["items"]
    return [*held, *(one for one in messages if one["state"] in ("waiting", "sending"))]


def ending(system: System, hooks: HookSink) -> str:
    """Return what no crash may change, as text to compare: values, alerts, surveys, verdicts, who was told of what."""
    _see_messages_through(system)
    told: dict[str, Any] = {}
    for name in ("missed_payment_rate", "repayment_delay_rate", "par30"):
        series = system.get(f"/risk/v1/indicators/{name}/series", book=BOOK, segment="portfolio")["series"]
        told[name] = [(one["period"], one["numerator"], one["denominator"], one["final"]) for one in series]
    alerts = system.get("/risk/v1/alerts", book=BOOK, limit=200)["items"]
    told["alerts"] = sorted(
        (one["indicator"], one["segment"], one["opened_period"], one["latest_period"], one["level"], one["state"])
        for one in alerts
        if one["state"] != "withdrawn"
    )
    surveys = system.get("/feedback/v1/surveys", book=BOOK, limit=200)["items"]
    told["surveys"] = sorted((one["client"], one["occasion"], one["state"]) for one in surveys)
    verdicts = system.get("/feedback/v1/verdicts", book=BOOK, limit=200)["items"]
    told["verdicts"] = sorted((one["comment"], one["decision"]) for one in verdicts)
    notices = [notice for hook in hooks.hooks for notice in hook.body["data"]["notices"]]
    told["desk"] = sorted({(one["indicator"], one["period"], one["purpose"], one["level"]) for one in notices})
    return json.dumps(told, indent=1)


def doubts(system: System, mails: MailSink) -> list[str]:
    """Return what is wrong with the messages: one that came twice where nobody drops repeats, one that is not shown."""
    _see_messages_through(system)
    found = []
    came = [mail.id for mail in mails.mails]
    found += [f"mail {one} came {came.count(one)} times" for one in sorted(set(came)) if came.count(one) > 1]
    items = system.get("/notify/v1/messages", limit=500)["items"]
    found += [f"{one['channel']} {one['id']} is {one['state']}" for one in items if one["state"] not in _ENDED]
    return found


_ENDED = ("sent", "unknown")
