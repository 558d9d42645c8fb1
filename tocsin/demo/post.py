"""The demo's people at their post: they read what arrives, follow its links, acknowledge, judge, and answer surveys.

Every answer goes the way a person's would: the link in the message is opened, the form on its page is sent. Only when
somebody answers, and what, is made up, and said to be.
"""

import re
import time
from collections.abc import Callable
from typing import TypeVar

import httpx
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from shared.kernel.ids import hashed_id
from tocsin.client import Client, Json, NoSystem
from tocsin.demo.cast import OFFICERS
from tocsin.demo.sinks import HookSink, Mail, MailSink
from tocsin.report.answers import SYNTHETIC, Acknowledged, Arrived, Letter, Verdict

T = TypeVar("T")

COMMENT = "seen; calling the largest borrowers, payment relief under review"
_ALERT_LINK = re.compile(r"https?://[^\s<>\"]+/notify/v1/pages/alerts/[\w.~-]+")
_SURVEY_LINK = re.compile(r"https?://[^\s<>\"]+/feedback/v1/pages/surveys/[\w.~-]+")
_WAITING = ("/notify/v1/messages", "/notify/v1/held")
_PATIENCE_S = 20.0
_POLL_S = 0.02
_STAFF = "@lender.example"


class Post:
    """Looks after what has arrived, each time that it is asked to."""

    def __init__(self, client: Client, mails: MailSink, hooks: HookSink, console: Console) -> None:
        """`client` reads what became of messages; links are followed without any key."""
        self._client, self._mails, self._hooks, self._console = client, mails, hooks, console
        self._browser = httpx.Client(timeout=30.0, follow_redirects=True, trust_env=False)
        self._read = 0
        self.arrived = Arrived()

    def close(self) -> None:
        """Close the connections."""
        self._browser.close()

    def look(self) -> None:
        """Read every e-mail that has come since the last look, and do what its reader would."""
        while self._read < len(self._mails.mails):
            mail = self._mails.mails[self._read]
            self._read += 1
            if mail.recipient.endswith(_STAFF):
                self._read_as_officer(mail)
            else:
                self._answer_as_client(mail)
        self.arrived.calls, self.arrived.refused_calls = len(self._hooks.hooks), self._hooks.refused

    def wait_for(self, alert: str) -> None:
        """Look until the first e-mail about an alert is here. NoSystem when none comes."""
        _until(
            lambda: self._client.get("/notify/v1/messages", alert=alert, channel="email", state="sent")["items"],
            f"no message about alert {alert} has come; `tocsin messages list` says why",
        )
        self.look()

    def settle(self) -> None:
        """Look until nothing is on its way any more, at most for a while."""
        deadline = time.monotonic() + _PATIENCE_S
        while any(self._client.get(path, state="waiting")["items"] for path in _WAITING):
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_S)
        self.look()

    def _read_as_officer(self, mail: Mail) -> None:
        arrived = self.arrived
        arrived.staff += 1
        if arrived.shown is None:
            arrived.shown = Letter(mail.recipient, mail.subject, _without_keys(mail.text).strip())
            title = f"the message as it arrived by e-mail: to {mail.recipient}"
            body = Text(f"{mail.subject}\n\n{arrived.shown.text}")
            self._console.print(Padding(Panel(body, title=escape(title), title_align="left"), (0, 0, 1, 12)))
        if "RED" in mail.subject and not arrived.acknowledged:
            self._acknowledge(mail)

    def _acknowledge(self, mail: Mail) -> None:
        link = _ALERT_LINK.search(mail.text)
        assert link is not None, "every message about an alert carries its link"
        self._browser.get(link[0]).raise_for_status()
        self._browser.post(f"{link[0]}/acknowledgement", data={"comment": COMMENT}).raise_for_status()
        told = self._client.get(f"/notify/v1/messages/{mail.id.strip('<>').partition('@')[0]}")
        alert = str(told["notices"][0]["subject"])
        kept = _until(
            lambda: self._kept_by_risk(alert), f"risk has not decided on the acknowledgement of alert {alert}"
        )
        one = Acknowledged(alert, str(kept["by"]), str(kept["comment"]))
        self.arrived.acknowledged.append(one)
        text = f"[green]acknowledged[/green] on the page behind the message's link by {one.by}: {escape(one.comment)}"
        self._console.print(Padding(Text.from_markup(text), (0, 0, 1, 12)))

    def _kept_by_risk(self, alert: str) -> Json | None:
        """Return who acknowledged an alert and what they said, as risk keeps it once it has accepted that (D15)."""
        revisions = self._client.get(f"/risk/v1/alerts/{alert}")["revisions"]
        return next((one["explanation"] for one in revisions if one["change"] == "acknowledged"), None)

    def _answer_as_client(self, mail: Mail) -> None:
        self.arrived.clients += 1
        link = _SURVEY_LINK.search(mail.text)
        assert link is not None, "every invitation carries its link"
        answer = _made_up_answer(mail.recipient)
        if answer is None:
            return
        self._browser.get(link[0]).raise_for_status()
        self._browser.post(link[0], data=answer).raise_for_status()
        self.arrived.answers += 1

    def judge(self, alerts: list[Json]) -> None:
        """Give a verdict on each alert as its owner would, and wait for risk's decisions."""
        for one in alerts:
            alert = str(one["id"])
            by = next(name for name, about in OFFICERS.items() if one["owner"] in about["roles"])
            told = self._client.get(f"/risk/v1/alerts/{alert}")
            verdict, outcome = made_up_verdict(told["revisions"])
            body = {"verdict": verdict, "outcome": outcome, "by": by, "comment": f"demo: {SYNTHETIC}"}
            self._client.post(f"/feedback/v1/alerts/{alert}/verdicts", body)
            self.arrived.verdicts.append(Verdict(alert, by, verdict, outcome, self._judged(alert)))

    def _judged(self, alert: str) -> str:
        def decision() -> str | None:
            verdicts = self._client.items("/feedback/v1/verdicts", alert=alert)
            return str(verdicts[-1]["decision"] or "") if verdicts else None

        return _until(decision, f"risk has not decided on the verdict on alert {alert}")

    def read_surveys(self, book: str, first: str, last: str) -> None:
        """Read what the surveys of a book came to, month by month (`YYYY-MM`)."""
        results = self._client.get("/feedback/v1/surveys/results", book=book, **{"from": first, "to": last})
        self.arrived.surveys += [one for one in (*results["periods"], results["total"]) if one["invited"]]

    def read_precision(self) -> None:
        """Read how the policy's rules were judged."""
        self.arrived.precision += self._client.items("/risk/v1/precision")


def _until(ask: Callable[[], T | None], otherwise: str) -> T:
    """Ask until the answer is true, and return it; NoSystem, which says what is missing, when it never is."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        if answer := ask():
            return answer
        if time.monotonic() > deadline:
            raise NoSystem(otherwise)
        time.sleep(_POLL_S)


def made_up_verdict(revisions: list[Json]) -> tuple[str, str]:
    """Return (verdict, outcome) of the demo's officers: what stood for more than one period was worth the warning."""
    stood = {one["period"] for one in revisions if one["level"] != "none"}
    return ("true", "contacted") if len(stood) > 1 else ("false", "none")


def _made_up_answer(client: str) -> dict[str, str] | None:
    """Return what a client of the demo answers, the same each time; None for one who does not."""
    draw = int(hashed_id("demo answer", client)[:8], 16)
    if draw % 10 < 4:
        return None
    csat = 1 + max(draw // 10 % 5, draw // 50 % 5)
    return {"csat": str(csat), "nps": str(min(10, 2 * csat + draw // 250 % 2)), "text": "made up by the demo"}


def _without_keys(text: str) -> str:
    """Cut the keys out of links: what is printed or written to a report is not a place for them."""
    return re.sub(r"(/pages/[a-z]+/)[\w.~-]+", r"\1…", text)
