"""Webhooks (Standard Webhooks 1.0): signed JSON, posted to a checked address; receivers drop repeats by `webhook-id`.

As that standard says, only 2xx is a yes and only 410 a final no; everything else is tried again.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv6Address

import httpx
import msgspec
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from services.notify.domain.delivery import Outcome, Outgoing, Report
from services.notify.senders.webhook.addresses import (
    Address,
    AddressRefused,
    Unresolved,
    addresses_of,
    read_allowed,
)
from services.notify.settings import NotifySettings
from shared.clock import Clock, SystemClock
from shared.telemetry import traceparent

ADDRESSES_TRIED = 3
ANSWER_BYTES_MAX = 16_384
"""So much of an answer is read, lest the receiver sees its connection break; nothing of it is kept."""
ANSWER_S = 0.5
"""So long is waited for the rest of an answer."""
RETRY_AFTER_MAX_S = 86_400.0
_SCHEMES = {"https": 443, "http": 80}


class WebhookSender:
    """Posts messages to receivers."""

    channel = "webhook"
    repeats_dropped = True

    def __init__(self, settings: NotifySettings, clock: Clock | None = None) -> None:
        """ValueError when `webhook_allow` cannot be read."""
        self._allowed = read_allowed(settings.webhook_allow)
        self._timeout_s = settings.send_timeout_s
        self._clock = clock or SystemClock()
        # No connection is kept: the next receiver at the same address may be another one, with another name. Proxies
        # of the environment are not asked, as they would resolve the name again.
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(),
            timeout=None,  # noqa: S113 the whole attempt has one limit
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def send(self, message: Outgoing) -> Report:
        """Post one message."""
        body = msgspec.json.encode(message.payload)
        try:
            headers = _signed(message, body, self._clock.now())
            url = _readable(message.url)
        except _Unusable as unusable:
            return Report(Outcome.FAILED, str(unusable))
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(url, headers, body)
        except TimeoutError:
            return Report(Outcome.RETRY, f"no answer within {self._timeout_s:g} s")
        except AddressRefused as refused:
            return Report(Outcome.FAILED, str(refused))
        except Unresolved:
            return Report(Outcome.RETRY, "the receiver's name has no address")
        except (httpx.HTTPError, OSError, ValueError) as error:
            return Report(Outcome.RETRY, f"the connection failed: {type(error).__name__}")

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.aclose()

    async def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Report:
        host, port = url.raw_host.decode("ascii"), url.port or _SCHEMES[url.scheme]
        addresses = await addresses_of(host, port, self._allowed, url.scheme == "https")
        for address in addresses[:ADDRESSES_TRIED]:
            request = self._client.build_request(
                "POST",
                url.copy_with(host=_literal(address)),
                content=body,
                headers={"host": url.netloc.decode("ascii"), **headers},
                extensions={"sni_hostname": host},
            )
            try:
                response = await self._client.send(request, stream=True)
            except httpx.ConnectError as error:
                refused = error
                continue
            return await self._judged(response)
        return Report(Outcome.RETRY, f"no connection: {_why(refused)}")

    async def _judged(self, response: httpx.Response) -> Report:
        # The status has been said, which is all that counts.
        with suppress(httpx.HTTPError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await _drain(response)
        await response.aclose()
        status = response.status_code
        if response.is_success:
            return Report(Outcome.SENT, f"HTTP {status}")
        if status == httpx.codes.GONE:
            return Report(Outcome.FAILED, "HTTP 410: the receiver does not want any more")
        detail = f"HTTP {status}"
        if response.is_redirect:
            detail += ": redirects are not followed, the endpoint needs its new address"
        return Report(Outcome.RETRY, detail, _retry_after_s(response, self._clock.now()))


class _Unusable(Exception):
    """The message cannot be posted at all."""


def _signed(message: Outgoing, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers, with a signature by each live secret, so that receivers can change over at leisure."""
    if not message.secrets:
        raise _Unusable("the endpoint has no secret to sign with")
    try:
        signatures = [Webhook(secret).sign(message.id, now, body.decode()) for secret in message.secrets]
    except (ValueError, EmptyWebhookSecretError):
        raise _Unusable("a secret of the endpoint is not base64") from None
    return {
        "content-type": "application/json",
        "user-agent": "Tocsin",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
        **({"traceparent": trace} if (trace := traceparent()) else {}),
    }


def _readable(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise _Unusable("the endpoint's address cannot be read") from None
    if url.scheme not in _SCHEMES or not url.host:
        raise _Unusable("the endpoint's address is not https://")
    if url.userinfo:
        raise _Unusable("the endpoint's address has a user name in it")
    return url


async def _drain(response: httpx.Response) -> None:
    read = 0
    async for part in response.aiter_raw():
        read += len(part)
        if read >= ANSWER_BYTES_MAX:
            return


def _retry_after_s(response: httpx.Response, now: datetime) -> float | None:
    """Return the seconds that a receiver asks for (RFC 9110, 10.2.3), from 0 to a day; None when it does not."""
    asked = response.headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return min(float(asked[:9]), RETRY_AFTER_MAX_S)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    moment = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), RETRY_AFTER_MAX_S)


def _literal(address: Address) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)


def _why(error: BaseException) -> str:
    """Return the name of what is at the bottom of an error: `ConnectionRefusedError`, `SSLCertVerificationError`."""
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return type(error).__name__
