"""Tells each revision of an alert when it happens, and acknowledges the first red one as an officer would."""

import threading
from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from tocsin.client import Address, Client, Json, NoSystem, Refused
from tocsin.console import LEVEL_STYLE, percent
from tocsin.report.page import Acknowledged

OFFICER = "credit officer on duty"
COMMENT = "seen; calling the largest borrowers, payment relief under review"
_POLL_S = 0.15
_PAGE = 200
_QUIET = frozenset({"continued", "confirmed", "acknowledged"})


class Teller:
    """Follows the feed of alert revisions in a thread of its own until it is told to stop."""

    def __init__(self, address: Address, officer: Address, console: Console) -> None:
        """`officer` is the same system with the key of the one who acknowledges."""
        self._address, self._officer, self._console = address, officer, console
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)
        self.acknowledged: list[Acknowledged] = []
        self.changes: Counter[str] = Counter()
        self.failure: Exception | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Tell what is left and end; raises what went wrong on the way."""
        self._stopping.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        after: str | None = None
        try:
            with Client(self._address) as client:
                while True:
                    last = self._stopping.is_set()
                    page = client.get("/risk/v1/alert-revisions", after=after, limit=_PAGE)
                    items = page.get("items", [])
                    for one in items:
                        self._tell(one)
                    after = page.get("next") or after
                    if not items:
                        if last:
                            return
                        self._stopping.wait(_POLL_S)
        except (Refused, NoSystem) as error:
            self.failure = error

    def _tell(self, one: Json) -> None:
        change = str(one["change"])
        self.changes[change] += 1
        if change in _QUIET:
            return
        level = str(one["level"])
        head = Text()
        head.append(f"{one['as_of']}  ", style="dim")
        head.append(f"{_word(change, level):<9}", style=LEVEL_STYLE.get(level, ""))
        head.append(f"{one['book']} · {one['indicator']} · {one['segment']}  ", style="bold")
        head.append(percent(one.get("value")))
        self._console.print(head)
        self._console.print(Padding(Text(str(one.get("sentence", ""))), (0, 0, 1, 12)))
        if level == "red" and not self.acknowledged:
            self._acknowledge(one)

    def _acknowledge(self, one: Json) -> None:
        alert = str(one.get("alert") or one["id"])
        with Client(self._officer) as client:
            client.post(f"/risk/v1/alerts/{alert}/acknowledgements", {"by": OFFICER, "comment": COMMENT})
        self.acknowledged.append(Acknowledged(alert, OFFICER, COMMENT))
        text = f"            [green]acknowledged[/green] over HTTP by {OFFICER}: {escape(COMMENT)}\n"
        self._console.print(text)


def _word(change: str, level: str) -> str:
    return level if change in ("opened", "worsened", "eased") else change
