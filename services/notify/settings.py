"""Settings of the notify service, read once from the environment (`TOCSIN_*`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.runtime.settings import LinkSettings


class NotifySettings(LinkSettings):
    """How links are made, whom to tell, how messages are sent, and bounds of all that."""

    people_file: Path | None = Field(
        default=None, description="Provisioning file with people, teams, endpoints and routes; converges at start"
    )
    fallback_person: str = Field(
        default="operator",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Person whose inbox takes what no route sends to anybody; always exists",
    )
    group_window_s: float = Field(
        default=5.0, ge=0.0, le=3600.0, description="Seconds that a notice waits for others to the same recipient"
    )
    remind_after_h: float = Field(
        default=0.0,
        ge=0.0,
        le=720.0,
        description="Hours after which those who were told are reminded of an alert that nobody acknowledged, where "
        "its policy does not say; 0: never",
    )
    link_age_d: float = Field(default=30.0, gt=0.0, le=3650.0, description="Days for which the links in messages work")
    messages_kept_d: float = Field(
        default=400.0, ge=1.0, le=3650.0, description="Days for which messages that came to an end are kept"
    )
    notify_poll_s: float = Field(
        default=1.0, ge=0.05, le=60.0, description="Seconds after which notify looks for due work unasked"
    )
    senders_at_once: int = Field(
        default=8, ge=1, le=100, description="Messages of one channel under way at the same time at most"
    )
    send_timeout_s: float = Field(
        default=10.0, gt=0.0, le=120.0, description="Seconds that one attempt to send may take"
    )
    send_attempts: int = Field(default=12, ge=1, le=100, description="Attempts to send one message at most")
    send_age_h: float = Field(
        default=48.0, gt=0.0, le=720.0, description="Hours after which a message is not tried any more"
    )
    retry_first_s: float = Field(
        default=5.0, gt=0.0, le=3600.0, description="Seconds before the first repeat, doubled (with jitter) after each"
    )
    retry_most_s: float = Field(default=3600.0, gt=0.0, le=86_400.0, description="Seconds between two attempts at most")
    smtp_host: str = Field(default="", description="SMTP server; empty: no e-mail is sent")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of the SMTP server")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection to the SMTP server is encrypted"
    )
    smtp_user: str = Field(default="", description="User name at the SMTP server; empty: no login")
    smtp_password: str = Field(default="", repr=False, description="Password at the SMTP server")
    smtp_ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) that the SMTP server's must chain to; absent: those of the system"
    )
    mail_from: str = Field(
        default="tocsin@localhost",
        pattern=r"^[^\s@<>]+@[^\s@<>]+$",
        max_length=254,
        description="Sender's address of e-mails",
    )
    webhook_allow: str = Field(
        default="", description="Hosts or CIDR networks, separated by commas, that may be private and yet be posted to"
    )
    template_dir: Path | None = Field(default=None, description="Folder whose templates replace the built-in ones")
