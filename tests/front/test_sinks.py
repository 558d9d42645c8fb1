"""The demo's mail server and webhook receiver keep what arrives, and only what is signed."""

import json
import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage

import httpx
from standardwebhooks.webhooks import Webhook

from tocsin.demo.sinks import HookSink, MailSink, listening


def test_mail_is_kept_by_recipient_with_its_text() -> None:
    mails, hooks = MailSink(), HookSink()
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "tocsin@localhost", "红色预警", "<one@tocsin>"
    mail.set_content("逾期率上升\n")
    mail.add_alternative("<p>逾期率上升</p>", subtype="html")
    with listening(mails, hooks), smtplib.SMTP("127.0.0.1", mails.port) as smtp:
        smtp.send_message(mail, "tocsin@localhost", ["a@demo.example", "b@demo.example"])
    assert [(one.recipient, one.subject, one.text.strip()) for one in mails.mails] == [
        ("a@demo.example", "红色预警", "逾期率上升"),
        ("b@demo.example", "红色预警", "逾期率上升"),
    ]


def test_a_call_is_kept_when_its_signature_fits_and_refused_otherwise() -> None:
    mails, hooks = MailSink(), HookSink()
    body = json.dumps({"alert": "a1"})
    with listening(mails, hooks):
        now = datetime.now(UTC)
        signed = {
            "webhook-id": "m1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(hooks.secret).sign("m1", now, body),
        }
        assert httpx.post(hooks.url, content=body, headers=signed).status_code == 204
        assert httpx.post(hooks.url, content=body + " ", headers=signed).status_code == 401
        assert httpx.post(hooks.url, content=body).status_code == 401
    assert ([hook.body for hook in hooks.hooks], hooks.refused) == ([{"alert": "a1"}], 2)
