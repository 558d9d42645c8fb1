"""To which addresses may be posted: none inside our own network, unless the operator allows it.

A receiver's name is resolved once, all its addresses are judged, and the connection goes to one of those: a name that
changes its mind in between (DNS rebinding) leads nowhere else.
"""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

Address = IPv4Address | IPv6Address

_NAT64 = ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ip_network("2000::/3")
"""All that is given out of IPv6 (RFC 4291, 2.4): the rest holds old and local ways into networks like ours."""


class AddressRefused(Exception):
    """The receiver is where nothing may be posted to."""


class Unresolved(Exception):
    """The receiver's name has no address now."""


class Allowed(NamedTuple):
    """What the operator allows although it is private."""

    hosts: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]

    def takes(self, host: str, address: Address) -> bool:
        """Return whether this host or address is on the list."""
        return host in self.hosts or any(address in network for network in self.networks)


def read_allowed(text: str) -> Allowed:
    """Read hosts and CIDR networks, separated by commas; ValueError names those that are neither."""
    hosts, networks, wrong = set[str](), list[IPv4Network | IPv6Network](), list[str]()
    for part in filter(None, (one.strip().lower() for one in text.split(","))):
        try:
            networks.append(ip_network(part))
        except ValueError:
            if "/" in part or ":" in part or " " in part:
                wrong.append(part)
            hosts.add(part)
    if wrong:
        raise ValueError(f"neither a host nor a network: {', '.join(wrong)}")
    return Allowed(frozenset(hosts), tuple(networks))


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the internet at large, whatever it is wrapped in."""
    if isinstance(address, IPv6Address):
        inside = _inside(address)
        if inside is not None:
            return is_public(inside)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast


def _inside(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


async def addresses_of(host: str, port: int, allowed: Allowed, encrypted: bool) -> Sequence[Address]:
    """Return where a receiver is, judged; AddressRefused when one of its addresses may not be posted to.

    Without encryption only what is on the list of the operator may.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unresolved(str(error)) from None
    addresses = [ip_address(str(place[0]).partition("%")[0]) for *_, place in found]
    for address in dict.fromkeys(addresses):
        if allowed.takes(host, address):
            continue
        if not encrypted:
            raise AddressRefused("an address without https that is not in webhook_allow")
        if not is_public(address):
            raise AddressRefused("the receiver has a private address that is not in webhook_allow")
    return list(dict.fromkeys(addresses))
