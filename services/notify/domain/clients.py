"""Messages to clients: only with an address, and with their consent to that channel for that purpose."""

from collections.abc import Iterable
from typing import NamedTuple

from services.notify.domain.reasons import NoticeReason


class Agreed(NamedTuple):
    """What a client said about one channel and one purpose."""

    channel: str
    purpose: str
    given: bool


class Reach(NamedTuple):
    """Where a client may be reached, or why not."""

    address: str
    reason: NoticeReason


def reach(
    known: bool, addresses: dict[str, str], agreed: Iterable[Agreed], channel: str = "email", purpose: str = "survey"
) -> Reach:
    """Return the address under which a client may be asked; an empty one with the reason why there is none."""
    if not known:
        return Reach("", NoticeReason.NO_CONTACT)
    if not any(one.given for one in agreed if (one.channel, one.purpose) == (channel, purpose)):
        return Reach("", NoticeReason.NO_CONSENT)
    address = addresses.get(channel, "")
    return Reach(address, NoticeReason.INVITED if address else NoticeReason.NO_ADDRESS)


def contact_id(book: str, client: str) -> str:
    """Return the key of a client's contact; a book's id has no slash."""
    return f"{book}/{client}"
