"""Door to the resolver: which addresses a host's name has, and whether there is a way from here to one."""

from __future__ import annotations

import socket

_LONGEST = 3.0  # seconds for a connection


def resolve(name: str) -> tuple[str, ...]:
    """Return each IPv4 and IPv6 address of a name, none if it has none; may take as long as the resolver does.

    An address has itself.
    """
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def is_reachable(address: str) -> bool:
    """Say whether this machine has a route to an address, such as none to IPv6 on many runners; nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))  # UDP: only picks the way
    except OSError:
        return False
    return True


def takes_connections(address: str, port: int) -> bool:
    """Say whether an address takes a TCP connection at a port, within three seconds; nothing is sent."""
    try:
        with socket.create_connection((address, port), timeout=_LONGEST):
            return True
    except OSError:
        return False
