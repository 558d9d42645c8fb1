"""Tells each turn of an alert when it happens, and acknowledges the first red one as an officer would."""

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from tocsin.client import Client, Json
from tocsin.console import LEVEL_STYLE, percent
from tocsin.report.page import Acknowledged

OFFICER = "officer-on-duty"
COMMENT = "seen; calling the largest borrowers, payment relief under review"
_PAGE = 200
_QUIET = frozenset({"continued", "confirmed", "acknowledged"})


class Teller:
    """Follows the feed of alert revisions: told what is new each time that it is asked to look."""

    def __init__(self, client: Client, officer: Client, console: Console) -> None:
        """`officer` is a client of the same system with the key of the one who acknowledges."""
        self._client, self._officer, self._console = client, officer, console
        self._after: str | None = None
        self.acknowledged: list[Acknowledged] = []

    def look(self) -> None:
        """Tell everything that was decided since the last look. Refused, NoSystem."""
        while True:
            page = self._client.get("/risk/v1/alert-revisions", after=self._after, limit=_PAGE)
            self._after = page.get("next") or self._after
            items = page.get("items", [])
            for one in items:
                self._tell(one)
            if not items:
                return

    def _tell(self, one: Json) -> None:
        change = str(one["change"])
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
        alert = str(one["alert"])
        body = {"by": OFFICER, "comment": COMMENT}
        self._officer.post(f"/risk/v1/alerts/{alert}/acknowledgements", body)
        self.acknowledged.append(Acknowledged(alert, OFFICER, COMMENT))
        text = f"            [green]acknowledged[/green] over HTTP by {OFFICER}: {escape(COMMENT)}\n"
        self._console.print(text)


def _word(change: str, level: str) -> str:
    return level if change in ("opened", "worsened", "eased") else change
