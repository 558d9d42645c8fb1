"""The HTTP client of the command line: finds a running system (D24), says what it refused, waits while it is away."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec

from shared.kernel.ids import new_id

DEFAULT_DATA = Path(".tocsin")
PROFILE = "profile.json"
PATIENCE_S = 5.0
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_DELAY_S, _DELAY_MAX_S = 0.1, 2.0
_AWAY = frozenset({429, 502, 503, 504})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Json = dict[str, Any]


class Address(NamedTuple):
    """Where a system answers, and the key to show there."""

    url: str
    """One address for all services, or one for each: `intake=http://host:8401,risk=http://host:8402`."""
    key: str

    def base_of(self, path: str) -> str:
        """Return the address that serves a path such as `/risk/v1/alerts`; NoSystem when none does."""
        if not self._by_service():
            return self.url
        service = path.split("/")[1]
        try:
            return self._by_service()[service]
        except KeyError:
            raise NoSystem(f"{self.url!r} gives no address of {service}") from None

    def wrong(self) -> str:
        """Return which part of it is no URL, or nothing."""
        bases = self._by_service().values() or [self.url]
        return next((base for base in bases if not base.startswith(("http://", "https://"))), "")

    def is_local(self) -> bool:
        """Tell whether all of it is on this machine."""
        bases = self._by_service().values() or [self.url]
        return all((urlsplit(base).hostname or "") in _LOOPBACK for base in bases)

    def _by_service(self) -> dict[str, str]:
        if self.url.startswith(("http://", "https://")) or "=" not in self.url:
            return {}
        pairs = (part.partition("=") for part in self.url.split(","))
        return {service.strip(): base.strip().rstrip("/") for service, _, base in pairs}


class NoSystem(Exception):
    """No system is known, or none answers."""


class Refused(Exception):
    """The system answered with a problem (RFC 9457)."""

    def __init__(self, status: int, problem: Json) -> None:
        """`problem` is the decoded body, or what could be made of it."""
        self.status, self.problem = status, problem
        super().__init__(self.text())

    @property
    def slug(self) -> str:
        """The last part of the problem's type."""
        return str(self.problem.get("type", "")).rsplit("/", 1)[-1]

    def text(self) -> str:
        """Return the problem for a reader: title, detail, then each field error on its own line."""
        lines = [f"{self.problem.get('title') or 'Refused'} ({self.status})"]
        detail, errors = str(self.problem.get("detail") or ""), self.problem.get("errors") or []
        # Services sum up the first errors there; every one of them is told below.
        first = f"{errors[0].get('pointer', '')} {errors[0].get('detail', '')}".strip() if errors else None
        if detail and not (first and detail.startswith(first)):
            lines.append(detail)
        for error in errors:
            place = error.get("pointer") or (f"line {error['line']}" if error.get("line") else "")
            lines.append(f"  {place}: {error.get('detail', '')}" if place else f"  {error.get('detail', '')}")
        return "\n".join(lines)


def find_system(url: str | None, key: str | None, data: Path) -> Address:
    """Return the system to talk to: what was given, else the profile that `tocsin serve` left in the data folder.

    A key from the profile is shown to the profile's own address and to this machine only. NoSystem when nothing is
    known.
    """
    profile = data / PROFILE
    try:
        left = msgspec.json.decode(profile.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        left = {}
    except (OSError, msgspec.MsgspecError) as error:
        raise NoSystem(f"{profile} cannot be read: {error}") from error
    found = Address((url or left.get("url") or "").rstrip("/"), key or "")
    if not found.url:
        raise NoSystem(f"no system is known: start one with `tocsin serve`, or give --url (looked for {profile})")
    if wrong := found.wrong():
        raise NoSystem(f"{wrong!r} is not a URL: it begins with http:// or https://")
    if not found.key and (found.is_local() or found.url == left.get("url")):
        return found._replace(key=left.get("key", ""))
    return found


class Client:
    """One system's HTTP API. Connection errors and 503 are tried again with growing delays for `patience_s`."""

    def __init__(
        self, address: Address, patience_s: float = PATIENCE_S, away: Callable[[str], None] | None = None
    ) -> None:
        """`away` is told, with the reason, each time that the system does not answer."""
        self.address = address
        self._patience_s = patience_s
        self._away = away
        headers = {"authorization": f"Bearer {address.key}"} if address.key else {}
        self._http = httpx.Client(headers=headers, timeout=_TIMEOUT, trust_env=False)

    def __enter__(self) -> "Client":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: object) -> Json:
        """Return the decoded answer; None in the query is left out. Refused, NoSystem."""
        params = {name: str(value) for name, value in query.items() if value is not None}
        return _decoded(self._send("GET", path, params=params))

    def find(self, path: str, **query: object) -> Json | None:
        """Like get; None when there is no such thing (404)."""
        try:
            return self.get(path, **query)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def items(self, path: str, **query: object) -> list[Json]:
        """Return all items of a list, page by page."""
        found: list[Json] = []
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            found.extend(page.get("items", []))
            cursor = page.get("next")
            if not cursor:
                return found

    def post(self, path: str, body: object = None, if_match: str | None = None) -> Json:
        """Send JSON under an idempotency key, so that a repeat after a lost answer has no second effect."""
        headers = {"content-type": "application/json", "idempotency-key": new_id()}
        if if_match is not None:
            headers["if-match"] = if_match
        return _decoded(self._send("POST", path, content=msgspec.json.encode(body or {}), headers=headers))

    def put(self, path: str, body: object) -> Json:
        """Send JSON that replaces what is there; the same again has no effect by itself."""
        headers = {"content-type": "application/json"}
        return _decoded(self._send("PUT", path, content=msgspec.json.encode(body), headers=headers))

    def put_bytes(self, path: str, content: bytes, media_type: str) -> Json:
        """Send a body that replaces what is there."""
        return _decoded(self._send("PUT", path, content=content, headers={"content-type": media_type}))

    def delete(self, path: str, **query: object) -> Json:
        """Remove what is there; None in the query is left out."""
        params = {name: str(value) for name, value in query.items() if value is not None}
        return _decoded(self._send("DELETE", path, params=params, headers={"idempotency-key": new_id()}))

    def post_bytes(self, path: str, content: bytes, media_type: str) -> Json:
        """Send a body whose repetition has no second effect by itself."""
        return _decoded(self._send("POST", path, content=content, headers={"content-type": media_type}))

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        base = self.address.base_of(path)
        deadline = time.monotonic() + self._patience_s
        delay_s = _DELAY_S
        while True:
            response: httpx.Response | None = None
            try:
                response = self._http.request(method, base + path, params=params, content=content, headers=headers)
                reason = f"it answers {response.status_code}"
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            if response is not None and response.status_code not in _AWAY:
                break
            if time.monotonic() + delay_s > deadline:
                break
            if self._away is not None:
                self._away(reason)
            time.sleep(delay_s)
            delay_s = min(delay_s * 2, _DELAY_MAX_S)
        if response is None:
            raise NoSystem(f"{base} does not answer: {reason}")
        if response.is_success:
            return response
        raise Refused(response.status_code, _problem(response))


def _decoded(response: httpx.Response) -> Json:
    if not response.content:
        return {}
    try:
        return msgspec.json.decode(response.content, type=Json)
    except msgspec.MsgspecError as error:
        raise NoSystem(f"{response.url} answers something else than this system does: {error}") from error


def _problem(response: httpx.Response) -> Json:
    try:
        return msgspec.json.decode(response.content, type=Json)
    except msgspec.MsgspecError:
        return {"title": response.reason_phrase or "Refused", "detail": response.text[:500]}
