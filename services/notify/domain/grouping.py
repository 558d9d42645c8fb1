"""Bursts: notices of one moment to one recipient become one message, the most urgent first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from services.notify.domain.delivery import Purpose
from services.notify.domain.directory import Address
from shared.kernel.ids import hashed_id

GROUP_MOST = 500
"""Notices in one message at most."""

_URGENCY = {
    purpose: place
    for place, purpose in enumerate(
        (
            Purpose.WORSENED,
            Purpose.OPENED,
            Purpose.REMINDER,
            Purpose.AMENDED,
            Purpose.CONFIRMED,
            Purpose.WITHDRAWN,
            Purpose.CLOSED,
            Purpose.SURVEY,
        )
    )
}
_LEVELS = {"red": 0, "amber": 1}


class Due(NamedTuple):
    """A notice whose time has come."""

    id: str
    subject: str
    revision: int
    purpose: Purpose
    address: Address


class Group(NamedTuple):
    """Notices that become one message."""

    id: str
    address: Address
    purpose: Purpose
    notices: Sequence[Due]


def message_id(notices: Iterable[str]) -> str:
    """Return the id of a message: that of its only notice, or what its notices' ids are hashed to (D13)."""
    ids = sorted(notices)
    return ids[0] if len(ids) == 1 else hashed_id(*ids)


def group(due: Iterable[Due], levels: Mapping[tuple[str, int], str]) -> list[Group]:
    """Return the messages that notices become; `levels` of (subject, revision) decide what comes first."""
    by_address: dict[Address, list[Due]] = {}
    for notice in due:
        by_address.setdefault(notice.address, []).append(notice)
    groups: list[Group] = []
    for address, notices in by_address.items():
        notices.sort(
            key=lambda one: (
                _URGENCY[one.purpose],
                _LEVELS.get(levels.get((one.subject, one.revision), ""), 2),
                one.subject,
                one.revision,
            )
        )
        for start in range(0, len(notices), GROUP_MOST):
            part = notices[start : start + GROUP_MOST]
            groups.append(Group(message_id(one.id for one in part), address, part[0].purpose, part))
    return groups
