"""Which addresses may be read: public ones, asked of the resolver once, and then no other.

A name is resolved a single time and the connection goes to that very address: a second answer of the resolver, which
may be another one (DNS rebinding), is never used. RFC 6890 lists what is not public.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from lyceum.errors import ModelRetry

PORTS = frozenset((80, 443, 8000, 8080, 8443))
LONGEST_URL = 2000
# What Python calls global and is not for pages: 6to4 relays (RFC 7526), documentation (RFC 9637).
_NOT_PUBLIC = (IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))
_ISATAP = (0x00005EFE, 0x02005EFE)  # before the IPv4 address (RFC 5214)
_EMBEDDING = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))  # NAT64 (RFC 6052, 8215)


@dataclass(frozen=True)
class Target:
    """An address that was checked, and the URL that is read from it."""

    url: str
    parts: SplitResult
    host: str
    address: str
    port: int


def parsed(url: str) -> SplitResult:
    """Return a URL's parts; raises ModelRetry for one that is not to be read."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ModelRetry(f"{url[:200]!r} is no address of a page.", next_step="Send https://host/path.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > LONGEST_URL:
        raise ModelRetry(f"{url[:200]!r} is no address of a page.", next_step="Send https://host/path.")
    if parts.username is not None or parts.password is not None:
        raise ModelRetry("An address with a user or password in it is not read.", next_step="Leave them out.")
    if port == 0 or any(ord(character) < 33 for character in parts.netloc):
        raise ModelRetry(f"{url[:200]!r} is no address of a page.", next_step="Send https://host/path.")
    return parts


async def resolve(url: str, allowed: Sequence[str]) -> Target:
    """Check where a URL leads and pin it; raises ModelRetry where any of its addresses is not public.

    `allowed` are addresses and networks of one's own that may be read all the same.
    """
    parts = parsed(url)
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ModelRetry(f"{host} was not found.", next_step="Check the address, or search again.") from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not addresses:
        raise ModelRetry(f"{host} was not found.", next_step="Check the address, or search again.")
    own = all(is_allowed(address, allowed) for address in addresses)
    if not own and not all(is_public(address) for address in addresses):
        raise ModelRetry(
            f"{host} is not on the public web, so it is not read.",
            next_step="Use another page; allow_private in the settings lets through a network of one's own.",
        )
    if not own and port not in PORTS:
        raise ModelRetry(f"Port {port} is not read.", next_step=f"Ports are {', '.join(map(str, sorted(PORTS)))}.")
    return Target(url, parts, host, addresses[0], port)


def is_public(address: str) -> bool:
    """Tell whether an address is on the public internet, and so is any address inside it."""
    ip = ip_address(address.partition("%")[0])
    if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        return False
    if (isinstance(ip, IPv6Address) and ip.is_site_local) or any(ip in network for network in _NOT_PUBLIC):
        return False
    return all(is_public(str(inner)) for inner in _inside(ip))


def _inside(ip: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address leads to: mapped, 6to4, Teredo, NAT64, ISATAP."""
    if isinstance(ip, IPv4Address):
        return []
    found = [inner for inner in (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())) if inner is not None]
    if any(ip in network for network in _EMBEDDING) or (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP:
        found.append(IPv4Address(int(ip) & 0xFFFFFFFF))
    return found


def is_allowed(address: str, allowed: Sequence[str]) -> bool:
    ip = ip_address(address.partition("%")[0])
    return any(ip in ip_network(network, strict=False) for network in allowed)
