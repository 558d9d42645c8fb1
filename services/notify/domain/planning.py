"""What a revision of an alert means for people: who is told what, at once or later, and why.

Alerts that begin or get worse are told to everybody whom the routes name, and to whoever was told before. Alerts that
end are told to those who were told, whatever the routes say now. Whoever is not told now has a reason.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from services.notify.domain.delivery import Purpose
from services.notify.domain.directory import About, Address, Channel, Directory, Person, RecipientKind, quiet_until
from services.notify.domain.reasons import NoticeReason, QuietReason
from services.notify.domain.silences import Silence, silence_of
from shared.kernel.ids import hashed_id


class NoticeState(StrEnum):
    """Where a notice stands."""

    WAITING = "waiting"
    """Goes when its time has come, with others to the same recipient."""
    HELD = "held"
    """Waits for something that may not come: a client's address or consent."""
    TOLD = "told"
    """Is part of a message."""
    DROPPED = "dropped"
    """Will not be told, as somebody decided."""


class Ring(NamedTuple):
    """One revision, as planning sees it."""

    about: About
    revision: int
    change: str
    level_before: str
    """Level of the revision before; empty for the first."""


class Planned(NamedTuple):
    """One notice to one recipient."""

    address: Address
    state: NoticeState
    reason: NoticeReason
    due_at: datetime
    route: str = ""
    silence: str = ""


class Plan(NamedTuple):
    """What becomes of a revision."""

    purpose: Purpose | None
    quiet: QuietReason | None
    """Why nobody is told, when nobody is."""
    notices: Sequence[Planned] = ()
    unrouted: NoticeReason | None = None
    """Why the fallback person is told, when nobody else is."""


Ways = dict[Address, tuple[NoticeReason, str]]
"""Addresses, each with why it is told and the route that named it."""

_PURPOSES = {
    "opened": Purpose.OPENED,
    "worsened": Purpose.WORSENED,
    "confirmed": Purpose.CONFIRMED,
    "amended": Purpose.AMENDED,
    "withdrawn": Purpose.WITHDRAWN,
    "closed": Purpose.CLOSED,
}
_ENDINGS = frozenset({Purpose.WITHDRAWN, Purpose.CLOSED})
_PUSHED = frozenset({Channel.EMAIL, Channel.CONSOLE})
"""Channels that disturb somebody: they keep working hours. An inbox waits by itself, a machine is always awake."""


def purpose_of(change: str, level: str, level_before: str) -> Purpose | QuietReason:
    """Return why a revision is told, or why it is not."""
    purpose = _PURPOSES.get(change)
    if purpose is None:
        return QuietReason.NOTHING_NEW
    if purpose is Purpose.AMENDED and level == level_before:
        return QuietReason.SAME_LEVEL
    return purpose


class Planner:
    """Plans revisions at one moment, with the people, routes and silences of that moment."""

    def __init__(
        self, directory: Directory, silences: Iterable[Silence], fallback: str, now: datetime, window_s: float
    ) -> None:
        """`fallback` is the person whose inbox takes what goes to nobody else; `window_s` lets bursts come together."""
        self._directory = directory
        self._silences = [one for one in silences if one.starts_at <= now < one.ends_at]
        self._fallback = Address(Channel.INBOX, RecipientKind.PERSON, fallback)
        self._now, self._due_at = now, now + timedelta(seconds=window_s)
        self._routes = sorted(directory.routes.items(), key=lambda item: (item[1].order, item[0]))
        # Many alerts of one moment look alike to routes, and go to the same people.
        self._routed = cache(self._route)
        self._quiet_until = cache(lambda name: quiet_until(directory.people[name], now))

    def plan(self, ring: Ring, told: Iterable[Address]) -> Plan:
        """Return what becomes of a revision; `told` are those who have been or will be told of its alert."""
        about = ring.about
        purpose = purpose_of(ring.change, about.level, ring.level_before)
        if isinstance(purpose, QuietReason):
            return Plan(None, purpose)
        before = self._told(told)
        if purpose in _ENDINGS:
            if not before:
                return Plan(purpose, QuietReason.NOBODY_WAS_TOLD)
            return Plan(purpose, None, self._notices(before, about, silence=""))
        routed, nobody = self._routed(about._replace(alert=""))
        addresses = {**before, **routed}
        unrouted = None
        if not addresses:
            unrouted = nobody
            addresses = {self._fallback: (nobody, "")}
        silence = silence_of(self._silences, about, self._now)
        return Plan(purpose, None, self._notices(addresses, about, silence), unrouted)

    def remind(self, about: About, told: Iterable[Address]) -> Sequence[Planned]:
        """Return notices that remind everybody who was told that nobody has acknowledged."""
        addresses = self._told(told) or {self._fallback: (NoticeReason.ROUTE_TO_NOBODY, "")}
        return self._notices(addresses, about, silence_of(self._silences, about, self._now))

    def _told(self, told: Iterable[Address]) -> Ways:
        """Return how those who were told are told again: in the inbox when their address is gone."""
        found: Ways = {}
        for address in told:
            person = self._directory.people.get(address.recipient)
            if address.kind is RecipientKind.ENDPOINT:
                if address.recipient in self._directory.endpoints:
                    found[address] = (NoticeReason.TOLD_BEFORE, "")
            elif person is None and address != self._fallback:
                continue
            elif person is not None and address.channel is Channel.EMAIL and not person.email:
                found.setdefault(address._replace(channel=Channel.INBOX), (NoticeReason.NO_ADDRESS, ""))
            else:
                found[address] = (NoticeReason.TOLD_BEFORE, "")
        return found

    def _route(self, about: About) -> tuple[Ways, NoticeReason]:
        """Return whom the routes name, each with the first route that does; and why nobody, if nobody."""
        found: Ways = {}
        nobody = NoticeReason.NO_ROUTE
        for name, route in self._routes:
            if not route.match.matches(about):
                continue
            nobody = NoticeReason.ROUTE_TO_NOBODY
            for endpoint in route.endpoints:
                if endpoint in self._directory.endpoints:
                    address = Address(Channel.WEBHOOK, RecipientKind.ENDPOINT, endpoint)
                    found.setdefault(address, (NoticeReason.ROUTED, name))
            for person in self._people_of(name, about):
                for channel in route.channels:
                    reason = NoticeReason.ROUTED
                    if channel is Channel.EMAIL and not self._directory.people[person].email:
                        channel, reason = Channel.INBOX, NoticeReason.NO_ADDRESS
                    found.setdefault(Address(channel, RecipientKind.PERSON, person), (reason, name))
            if route.last:
                break
        return found, nobody

    def _people_of(self, name: str, about: About) -> list[str]:
        """Return the people whom a route names, each once."""
        route, directory = self._directory.routes[name], self._directory
        named = list(route.people)
        for team in route.teams:
            named += directory.teams[team].members if team in directory.teams else ()
        for role in (*route.roles, *((about.owner,) if route.owner else ())):
            named += directory.having(role)
        return [person for person in dict.fromkeys(named) if person in directory.people]

    def _notices(self, addresses: Ways, about: About, silence: str) -> Sequence[Planned]:
        if silence:
            return [
                Planned(address, NoticeState.DROPPED, NoticeReason.SILENCED, self._now, route, silence)
                for address, (_, route) in addresses.items()
            ]
        return [self._timed(address, about, reason, route) for address, (reason, route) in addresses.items()]

    def _timed(self, address: Address, about: About, reason: NoticeReason, route: str) -> Planned:
        """Let a notice go with the others of its moment, or wait for its reader's working hours."""
        if address.channel in _PUSHED and not self._goes_at_once(self._directory.people[address.recipient], about):
            begins = self._quiet_until(address.recipient)
            if begins is not None:
                return Planned(address, NoticeState.WAITING, NoticeReason.QUIET_HOURS, begins, route)
        return Planned(address, NoticeState.WAITING, reason, self._due_at, route)

    @staticmethod
    def _goes_at_once(person: Person, about: About) -> bool:
        return about.level == "red" and not person.red_waits


def notice_id(subject: str, revision: int, purpose: Purpose, address: Address) -> str:
    """Return the id of a notice: the same for the same thing told to the same recipient (D13)."""
    return hashed_id(subject, revision, purpose, *address)
