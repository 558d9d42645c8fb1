"""The alert's page behind the link of a message (D21): a GET shows and records nothing, a POST acknowledges."""

from pathlib import Path as Folder
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.notify.api.alert_view import view_of
from services.notify.api.edge import Front
from services.notify.api.page_words import WORDS
from services.notify.handlers.acknowledging import request_acknowledgement
from services.notify.store import alerts
from shared.db.port import Tx
from shared.page import Language, Pages, spoken_language
from shared.page.forms import Form, FormTooLarge, read_form
from shared.page.visits import SENDS, SHOWS, AcceptLanguage, LangQuery, TokenPath, Visit, form_body
from shared.security.links import LinkExpired, LinkForged
from shared.security.rights import LINK, requires

PURPOSE = "alert"
COMMENT_LENGTH_MAX = 1_000
FORM_BYTES_MAX = 32_768
REVISIONS_SHOWN = 50
OUTCOMES = ("", "none", "watched", "contacted", "restructured", "secured", "defaulted")
VERDICTS = ("true", "false", "unclear")
_PAGES = Pages(Folder(__file__).parent / "page_templates", WORDS)
_FEEDBACK = "../../../../feedback/v1/pages/alerts/"
"""Where feedback's pages are, seen from here: relative, because a public address may have a path in front."""


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/pages/alerts/{token}`."""

    @router.get(
        "/pages/alerts/{token}",
        tags=["pages"],
        dependencies=[requires(LINK)],
        response_class=HTMLResponse,
        responses={status: SHOWS[status] for status in (404, 410)},
    )
    async def show_alert(
        token: TokenPath,
        lang: LangQuery = None,
        done: Annotated[str | None, Query(description="Set after an acknowledgement was sent")] = None,
        accept_language: AcceptLanguage = None,
    ) -> HTMLResponse:
        """Show an alert: why it rang, its value against its levels, what drives it, and how it went."""
        visit = _open(front, token, spoken_language(lang, accept_language), "")
        if isinstance(visit, HTMLResponse):
            return visit
        async with front.database.read() as tx:
            return await _page(tx, visit, sent=done is not None)

    @router.post(
        "/pages/alerts/{token}/acknowledgement",
        tags=["pages"],
        dependencies=[requires(LINK)],
        status_code=303,
        response_class=HTMLResponse,
        response_description="Asked for: the page says what became of it",
        responses=SENDS,
        openapi_extra=form_body(comment="called the three dealers"),
    )
    async def send_acknowledgement(
        request: Request, token: TokenPath, lang: LangQuery = None, accept_language: AcceptLanguage = None
    ) -> Response:
        """Ask risk to note that the link's holder has seen the alert; the page then says what became of it."""
        visit = _open(front, token, spoken_language(lang, accept_language), "../")
        if isinstance(visit, HTMLResponse):
            return visit
        try:
            comment = _comment_of(await read_form(request, FORM_BYTES_MAX))
        except FormTooLarge:
            return _PAGES.render("said.html.j2", visit.language, 413, key="too_large", here=visit.here)
        async with front.database.transaction() as tx:
            if len(comment) > COMMENT_LENGTH_MAX:
                return await _page(tx, visit, typed=comment)
            asked = await request_acknowledgement(
                tx, visit.link.subject, visit.link.holder, comment, front.platform.partitions
            )
        if asked is None:
            return _PAGES.sorry("gone", visit.language, visit.here)
        front.relay.ring()
        # A reload of the page that follows sends nothing again.
        headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        return RedirectResponse(f"{visit.here}?done=1&lang={visit.language}#acknowledge", 303, headers=headers)


def _open(front: Front, token: str, language: Language, up: str) -> Visit | HTMLResponse:
    """Return what a link says, or the page for one that does not open."""
    try:
        return Visit(front.links.open(PURPOSE, token, front.platform.clock.now()), token, language, up)
    except LinkExpired:
        return _PAGES.sorry("expired", language, up + token)
    except LinkForged:
        return _PAGES.sorry("forged", language, up + token)


async def _page(tx: Tx, visit: Visit, sent: bool = False, typed: str = "") -> HTMLResponse:
    """Return the page; with `typed`, a comment that was too long, once more for shortening."""
    known = await alerts.alert_with_id(tx, visit.link.subject)
    if known is None:
        return _PAGES.sorry("gone", visit.language, visit.here)
    revisions = await alerts.revisions_of(tx, known.id, REVISIONS_SHOWN)
    return _PAGES.render(
        "alert.html.j2",
        visit.language,
        422 if typed else 200,
        view=view_of(known, revisions, visit.link.holder, visit.language),
        here=visit.here,
        feedback=f"{visit.up}{_FEEDBACK}{visit.token}",
        sent=sent,
        typed=typed,
        most=COMMENT_LENGTH_MAX,
        verdicts=VERDICTS,
        outcomes=OUTCOMES,
    )


def _comment_of(form: Form) -> str:
    """Return what was written, with plain line ends and without control characters."""
    text = "\n".join(form.get("comment", ())).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(character for character in text if character in "\n\t" or character.isprintable()).strip()
