"""Signed links (D21): who holds one may do one thing about one subject until it expires; nothing is stored for it.

A link is made from a purpose, a subject and an expiry, signed with the newest of the link secrets; older secrets still
open what they signed, so that secrets can be rotated. Any service that knows the secrets can make or open a link.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from itsdangerous import BadSignature, URLSafeSerializer

SECRET_LENGTH_MIN = 32


class LinkForged(Exception):
    """The token was not made by us, or was cut off on its way."""


class LinkExpired(Exception):
    """The token was ours and its time is over."""


class Opened(NamedTuple):
    """What a link says."""

    subject: str
    """What it is about: an alert, a survey."""
    holder: str
    """For whom it was made: a person's or client's id."""
    expires: datetime


class Links:
    """Makes and opens links under one public address."""

    def __init__(self, secrets: list[str], public_url: str) -> None:
        """`secrets` newest first, each of at least 32 characters; `public_url` without a path at its end."""
        if not secrets or any(len(secret) < SECRET_LENGTH_MIN for secret in secrets):
            raise ValueError(f"link secrets: at least one, each of at least {SECRET_LENGTH_MIN} characters")
        # itsdangerous signs with the last of its keys and opens with any.
        self._secrets = [secret.encode() for secret in reversed(secrets)]
        self.public_url = public_url.rstrip("/")

    def token(self, purpose: str, subject: str, holder: str, expires: datetime) -> str:
        """Return a token; it comes out the same for the same arguments."""
        return self._signer(purpose).dumps([subject, holder, int(expires.timestamp())]).__str__()

    def url(self, path: str) -> str:
        """Return the address of a path under the public address."""
        return f"{self.public_url}{path}"

    def open(self, purpose: str, token: str, now: datetime) -> Opened:
        """Return what a token says; LinkForged or LinkExpired when it does not open."""
        try:
            subject, holder, expires = self._signer(purpose).loads(token)
            opened = Opened(str(subject), str(holder), datetime.fromtimestamp(expires, UTC))
        except (BadSignature, ValueError, TypeError):
            raise LinkForged from None
        if now >= opened.expires:
            raise LinkExpired
        return opened

    def _signer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(self._secrets, salt=f"tocsin {purpose}")
