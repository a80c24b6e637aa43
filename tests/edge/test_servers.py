"""A URL is looked at on each edge that its host has, or on those that its site names, under the host's own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import make_scheduler
from tests.tables import cases
from ztpurge.calls.clock import Clock
from ztpurge.edge.servers import Servers, find_servers
from ztpurge.site.edges import ALL, ONE

if TYPE_CHECKING:
    from collections.abc import Sequence

V4, V6 = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")
NAMES = {"a.example": V4, "both.example": (*V4, *V6), "v6.example": V6, "lone.example": V4[:1], "edge.example": V6[:1]}


def resolve(name: str) -> Sequence[str]:
    if name.startswith("192.0.2."):
        return (name,)
    return NAMES.get(name, ())


def find(*hosts: str, named: Sequence[str] = ALL, reachable: str = "192.", connecting: str = "") -> Servers:
    scheduler = make_scheduler(Clock(), seconds=20)
    return find_servers(
        dict.fromkeys(hosts, named),
        scheduler,
        resolve=resolve,
        is_reachable=lambda address: address.startswith(reachable),
        connects=lambda _host, address: address != V6[0] and address.startswith(connecting),
    )


@cases("host named edges unreachable", {
    "each address": ("a.example", ALL, V4, ()),
    "of both versions, where there is a way to one": ("both.example", ALL, V4, V6),
    "a lone one by its name, as a browser would": ("lone.example", ALL, ("",), ()),
    "no way to any: by its name, and the error says so": ("v6.example", ALL, ("",), ()),
    "no address": ("nobody.example", ALL, ("",), ()),
    "an address": ("192.0.2.9", ALL, ("",), ()),
    "one": ("a.example", ONE, ("",), ()),
    "named": ("a.example", ("192.0.2.7", "192.0.2.8"), ("192.0.2.7", "192.0.2.8"), ()),
    "named, a single one": ("a.example", ("192.0.2.7",), ("192.0.2.7",), ()),
    "named by a name": ("a.example", ("192.0.2.7", "edge.example"), ("192.0.2.7", "2001:db8::1"), ()),
    "a named one to which there is no way is not left out": ("a.example", ("edge.example",), ("2001:db8::1",), ()),
    "a name without an address is asked for all the same": ("a.example", ("nobody.example",), ("nobody.example",), ()),
    "named twice": ("a.example", ("a.example", "192.0.2.2"), V4, ()),
})  # fmt: skip
def test_a_host_s_edges_are_found(
    host: str, named: Sequence[str], edges: Sequence[str], unreachable: Sequence[str]
) -> None:
    assert find(host, named=named) == Servers({host: edges}, {host: unreachable} if unreachable else {})  # type: ignore[dict-item]


@cases("connecting unreachable", {
    "one of them takes connections, so a dead one is to be seen": ("", ()),
    "none does, though there is a route": ("192.", V6),
})  # fmt: skip
def test_ipv6_that_leads_nowhere_is_left_out(connecting: str, unreachable: Sequence[str]) -> None:
    found = find("both.example", "v6.example", reachable="", connecting=connecting)
    there = V4 if unreachable else (*V4, *V6)
    assert (found.edges["both.example"], found.unreachable.get("both.example", ())) == (there, unreachable)
    assert found.edges["v6.example"] == V6  # there is nothing else


def test_hosts_are_found_side_by_side_and_a_resolver_that_hangs_holds_none_up() -> None:
    clock = Clock()

    def hang_or_resolve(name: str) -> Sequence[str]:
        if name.endswith("hangs.example"):
            clock.sleep(20)
        return resolve(name)

    found = find_servers(
        {"a.example": ALL, "both.example": ALL, "hangs.example": ("192.0.2.7", "hangs.example", "edge.hangs.example")},
        make_scheduler(clock, seconds=0.3),
        resolve=hang_or_resolve,
        is_reachable=lambda _address: True,
        connects=lambda _host, _address: True,
    )
    clock.stop()
    assert found.edges == {
        "a.example": V4,
        "both.example": (*V4, *V6),
        "hangs.example": ("192.0.2.7", "", "edge.hangs.example"),
    }


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://a.example/", ["https://192.0.2.1/", "https://192.0.2.2/"]),
        ("http://a.example:8080/a%20b?c/d", ["http://192.0.2.1:8080/a%20b?c/d", "http://192.0.2.2:8080/a%20b?c/d"]),
        ("http://v6.example/x", ["http://[2001:db8::1]/x", "http://[2001:db8::2]/x"]),
        ("http://v6.example:81/?x", ["http://[2001:db8::1]:81/?x", "http://[2001:db8::2]:81/?x"]),
        ("http://another.example/x", ["http://another.example/x"]),
    ],
)
def test_an_edge_is_reached_by_its_address_and_the_rest_of_the_url(url: str, asked: list[str]) -> None:
    assert [*find("a.example", "v6.example", reachable="").asked_at(url).values()] == asked
