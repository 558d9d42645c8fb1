"""Tells each turn of an alert when it happens."""

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from tocsin.client import Client, Json
from tocsin.console import LEVEL_STYLE, percent

_PAGE = 200
_QUIET = frozenset({"continued", "confirmed", "acknowledged"})


class Teller:
    """Follows the feed of alert revisions: told what is new each time that it is asked to look."""

    def __init__(self, client: Client, console: Console) -> None:
        """`client` reads the feed, `console` is told to."""
        self._client, self._console = client, console
        self._after: str | None = None

    def look(self) -> list[str]:
        """Tell everything that was decided since the last look; return the alerts that opened. Refused, NoSystem."""
        opened: list[str] = []
        while True:
            page = self._client.get("/risk/v1/alert-revisions", after=self._after, limit=_PAGE)
            self._after = page.get("next") or self._after
            items = page.get("items", [])
            for one in items:
                self._tell(one)
            opened += [str(one["alert"]) for one in items if one["change"] == "opened"]
            if not items:
                return opened

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


def _word(change: str, level: str) -> str:
    return level if change in ("opened", "worsened", "eased") else change
