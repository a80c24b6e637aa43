"""A URL -> the servers that it is looked at on: each edge that its host has, those that a site names, or its origin.

Pure but for the resolver that is handed in. How a server is asked in the name of another is left to `fetch.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ztpurge.site.edges import ALL, ONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ztpurge.calls.scheduler import Scheduler

BY_NAME = ""  # whichever server answers to the host's name
_LONGEST = 15.0  # seconds
_MOST_TRIED = 3  # addresses, to find out whether there is IPv6


def by_name(url: str) -> dict[str, str]:
    """Return the one way to reach whichever server answers to the host's name."""
    return {BY_NAME: url}


@dataclass(frozen=True, slots=True)
class Servers:
    """The addresses of each host's edges; a host that has none is asked by its name.

    `unreachable`: addresses, by host, that this machine has no way to and that are not looked at.
    """

    edges: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    unreachable: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def asked_at(self, url: str) -> dict[str, str]:
        """Return by which URL each server that is to be looked at is reached for a URL, by the server's name."""
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        path = url[len(f"{parts.scheme}://{parts.netloc}") :]
        return {
            edge: f"{parts.scheme}://{f'[{edge}]' if ':' in edge else edge}{port}{path}" if edge else url
            for edge in self.edges.get(parts.hostname or "", (BY_NAME,))
        }


def find_servers(
    hosts: Mapping[str, Sequence[str]],
    scheduler: Scheduler,
    *,
    resolve: Callable[[str], Iterable[str]],
    is_reachable: Callable[[str], bool],
    connects: Callable[[str, str], bool],
) -> Servers:
    """Find the edges of hosts, several at once and within the scheduler's time; each host has what its site names.

    `resolve` returns the addresses of a name; without any it is asked by that name, so that whoever looks says why.
    What is named is looked at whether there is a way to it or not; of all that a host has, what cannot be reached from
    here is left out and told: what there is no route to, and IPv6 as a whole where IPv4 is there and no address of it
    takes a connection (`connects`, of a host's address), since networks have routes that lead nowhere.
    """

    def find(host: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        named = tuple(hosts[host])
        if named == ONE:
            return (BY_NAME,), ()
        found: dict[str, None] = {}
        for name in (host,) if named == ALL else named:
            found |= dict.fromkeys(resolve(name) or (BY_NAME if name == host else name,))
        if named != ALL:
            return tuple(found), ()
        there = tuple(address for address in found if not address or is_reachable(address))
        six = tuple(address for address in there if ":" in address)
        if len(six) < len(there) and not any(connects(host, address) for address in six[:_MOST_TRIED]):
            there = tuple(address for address in there if address not in six)
        lost = tuple(address for address in found if address not in there)
        # by its name a lone edge is asked as a browser would
        return (there, lost) if len(there) > 1 else ((BY_NAME,), lost if there else ())

    edges = {host: _as_told(host, told) for host, told in hosts.items()}  # where the resolver takes too long
    many = replace(scheduler, concurrency=len(hosts)).within(_LONGEST, "the resolver")
    unreachable = {}
    for host, (there, lost) in many.each([*hosts], find):
        edges[host] = there
        if lost:
            unreachable[host] = lost
    return Servers(edges, unreachable)


def _as_told(host: str, told: Sequence[str]) -> tuple[str, ...]:
    return (BY_NAME,) if tuple(told) in {ALL, ONE} else tuple(BY_NAME if name == host else name for name in told)
