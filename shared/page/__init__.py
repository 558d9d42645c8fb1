"""Pages for people: server-rendered, no scripts, nothing from elsewhere, readable on a phone, English and Chinese.

A service keeps its templates beside its routes and extends `base.html.j2`; everything that is filled in is escaped.
Words stand in one catalogue per service: `{"key": {"en": ..., "zh": ...}}`, asked for in templates as `t("key", n=3)`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
Words = Mapping[str, Mapping[str, str]]

_HERE = Path(__file__).parent
_CSS = (_HERE / "page.css").read_text()
_WORDS: Words = {
    "language_other": {"en": "中文", "zh": "English"},
    "page_expired_title": {"en": "This link has expired", "zh": "此链接已过期"},
    "page_expired": {
        "en": "The time for it is over, and nothing was changed. If you still want to tell us something, please write.",
        "zh": "链接已超过有效期，未作任何更改。如仍有意见，请直接与我们联系。",
    },
    "page_forged_title": {"en": "This link does not work", "zh": "此链接无效"},
    "page_forged": {
        "en": "It may have been cut off on its way. Please open it again from the message that you received.",
        "zh": "链接可能在传送中被截断，请从收到的消息中重新打开。",
    },
    "page_gone_title": {"en": "There is nothing here any more", "zh": "内容已不存在"},
    "page_gone": {"en": "What this link led to is not there.", "zh": "此链接指向的内容已不存在。"},
}
_HEADERS = {
    # No script at all, styles only those that the page itself carries, no framing, no address told to others: the
    # address is the key.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}


class Pages:
    """Renders the pages of one service."""

    def __init__(self, templates: Path, words: Words) -> None:
        """`templates` is a folder; `words` are the service's own, beside those that all pages share."""
        self._words = {**_WORDS, **words}
        self._environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(templates), FileSystemLoader(_HERE)]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, name: str, language: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page in a language (`en` when it is none of ours)."""
        spoken: Language = "zh" if language == "zh" else "en"

        def t(key: str, **fill: object) -> str:
            return self._words[key][spoken].format(**fill)

        template = self._environment.get_template(name)
        html = template.render(t=t, language=spoken, css=_CSS, **values)
        return HTMLResponse(html, status, headers=dict(_HEADERS))

    def sorry(self, why: Literal["expired", "forged", "gone"], language: str, here: str = "") -> HTMLResponse:
        """Return the polite answer to a link that does not open any more: 410, or 404 for one that never did.

        `here` is the page's own address where a form was posted to another one.
        """
        return self.render("sorry.html.j2", language, 404 if why == "forged" else 410, why=why, here=here)


def spoken_language(asked: str | None, accepted: str | None) -> Language:
    """Return the language of a page: as asked for (`?lang=`), else the browser's first that we speak, else English."""
    if asked in LANGUAGES:
        return "zh" if asked == "zh" else "en"
    for part in (accepted or "").split(","):
        tag = part.partition(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh"
        if tag.startswith("en"):
            return "en"
    return "en"
