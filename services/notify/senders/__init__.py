"""Channels: one folder each; a sender sends one message outside any transaction and says what became of it."""

from collections.abc import Mapping

from services.notify.senders.console import ConsoleSender
from services.notify.senders.email import EmailSender
from services.notify.senders.inbox import InboxSender
from services.notify.senders.port import Sender
from services.notify.senders.webhook import WebhookSender
from services.notify.settings import NotifySettings

__all__ = ["ChannelsWrong", "Sender", "open_senders"]


class ChannelsWrong(ValueError):
    """Channels that cannot be set up; one line per error, with its setting."""

    def __init__(self, errors: list[str]) -> None:
        """`errors`: what is wrong."""
        super().__init__("\n".join(errors))
        self.errors = errors


def open_senders(settings: NotifySettings) -> Mapping[str, Sender]:
    """Return the sender of each channel that is set up; ChannelsWrong tells all that is wrong with them.

    Without a mail server there is no `email`.
    """
    senders: list[Sender] = [InboxSender(), ConsoleSender()]
    errors: list[str] = []
    try:
        senders.append(WebhookSender(settings))
    except ValueError as error:
        errors.append(f"TOCSIN_WEBHOOK_ALLOW: {error}")
    if settings.smtp_host:
        try:
            senders.append(EmailSender(settings))
        except OSError as error:
            errors.append(f"TOCSIN_SMTP_CA_FILE: {settings.smtp_ca_file}: {error.strerror or error}")
    if errors:
        raise ChannelsWrong(errors)
    return {sender.channel: sender for sender in senders}
