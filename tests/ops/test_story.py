"""One story through all four services, each reached under the one public address, as people and applications do."""

import re
from email.message import Message

import httpx
import pytest

from tests.ops.story import Story
from tests.support import small_book
from tests.support.processes import eventually

pytestmark = pytest.mark.servers


def text_of(mail: Message) -> str:
    (plain,) = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    content = plain.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def link_in(mail: Message, kind: str) -> str:
    """Return the link to a page of a kind."""
    found = re.search(rf"https?://\S+/pages/{kind}/[\w.~-]+", text_of(mail))
    assert found is not None, text_of(mail)
    return found[0]


def test_the_alert_came_to_the_inbox_and_by_e_mail_and_its_link_opens_a_page(story: Story) -> None:
    eventually(lambda: story.mailbox.to("anna@bank.example"), 30)
    page = httpx.get(link_in(story.mailbox.to("anna@bank.example")[0], "alerts"))
    assert page.status_code == 200
    assert "missed" in page.text.lower()


def test_what_no_route_names_goes_to_the_fallback(story: Story) -> None:
    eventually(lambda: story.system.get("/notify/v1/inbox/operator")["items"], 30)


def test_an_acknowledgement_from_the_inbox_is_decided_by_risk(story: Story) -> None:
    eventually(lambda: "anna" in str(story.system.get(f"/risk/v1/alerts/{story.alert}")), 30)


def test_a_verdict_reaches_risk_and_counts_as_precision(story: Story) -> None:
    def judged() -> bool:
        items = story.system.get("/feedback/v1/verdicts")["items"]
        return [item["decision"] for item in items if item["alert"] == story.alert] == ["accepted"]

    eventually(judged, 30, lambda: str(story.system.get("/feedback/v1/verdicts")))
    assert "missed" in str(story.system.get("/risk/v1/precision", book=small_book.BOOK))


def test_the_client_is_asked_once_and_the_answer_is_kept(story: Story) -> None:
    eventually(lambda: story.mailbox.to("client@home.example"), 30)
    (mail,) = story.mailbox.to("client@home.example")
    link = link_in(mail, "surveys")
    assert httpx.get(link).status_code == 200
    assert httpx.post(link, data={"csat": "5", "nps": "9", "comment": "kind"}).status_code == 200
    assert "5" in str(story.system.get("/feedback/v1/surveys/results", book=small_book.BOOK))


def test_a_remark_is_kept_with_its_author(story: Story) -> None:
    assert [one["by"] for one in story.system.get("/feedback/v1/remarks", book=small_book.BOOK)["items"]] == ["anna"]
