"""Channels: one folder each; a sender sends one message outside any transaction and says what became of it."""

from collections.abc import Mapping

from services.notify.senders.console import ConsoleSender
from services.notify.senders.email import EmailSender
from services.notify.senders.inbox import InboxSender
from services.notify.senders.port import Sender
from services.notify.senders.webhook import WebhookSender
from services.notify.settings import NotifySettings

__all__ = ["Sender", "open_senders"]


def open_senders(settings: NotifySettings) -> Mapping[str, Sender]:
    """Return the sender of each channel that is set up; ValueError or OSError when one cannot be.

    Without a mail server there is no `email`.
    """
    senders: list[Sender] = [InboxSender(), ConsoleSender(), WebhookSender(settings)]
    if settings.smtp_host:
        senders.append(EmailSender(settings))
    return {sender.channel: sender for sender in senders}
