"""What the pages behind signed links share: opening a link, reading a form, polite refusals."""

from pathlib import Path as Folder
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import HTMLResponse

from services.feedback import metrics
from services.feedback.api.edge import Front
from services.feedback.api.words import WORDS
from shared.page import Language, Pages
from shared.page.forms import Form, FormTooLarge, read_form
from shared.security.links import LinkExpired, LinkForged, Opened

PAGES = Pages(Folder(__file__).parent / "templates", WORDS)

NOT_YET: dict[int | str, dict[str, Any]] = {503: {"description": "The alert is not known here yet"}}


def open_link(front: Front, purpose: str, token: str, language: Language, here: str = "") -> Opened | HTMLResponse:
    """Return what a link says, or the page for one that does not open; `here` as `Pages.sorry` takes it."""
    try:
        return front.links.open(purpose, token, front.platform.clock.now())
    except LinkExpired:
        return refused("expired", language, here)
    except LinkForged:
        return refused("forged", language, here)


def refused(why: Literal["expired", "forged", "gone", "used"], language: Language, here: str = "") -> HTMLResponse:
    """Return the page for a link that does not open, or not any more, and count it."""
    metrics.LINKS_REFUSED.labels(why).inc()
    if why == "used":
        return PAGES.render("said.html.j2", language, 410, key="used", here=here)
    return PAGES.sorry(why, language, here)


async def form_of(request: Request, front: Front, language: Language, here: str = "") -> Form | HTMLResponse:
    """Return the fields of a posted form, or the page for one that nobody types."""
    try:
        return await read_form(request, front.settings.max_form_bytes)
    except FormTooLarge:
        return PAGES.render("said.html.j2", language, 413, key="too_large", here=here)
