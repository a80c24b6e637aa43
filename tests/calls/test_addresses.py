"""A name's addresses come from the resolver, and whether there is a way to one is known without a word to it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ztpurge.calls.addresses import is_reachable, resolve, takes_connections

TOP = Path(__file__).resolve().parents[2]


def test_a_name_has_its_addresses_each_once() -> None:
    found = resolve("localhost")
    assert "127.0.0.1" in found
    assert len(found) == len({*found})
    assert (resolve("127.0.0.2"), resolve("::1")) == (("127.0.0.2",), ("::1",))


@pytest.mark.parametrize("name", ["no such name", "a" * 64 + ".example", "", "..", "\u00e9" * 64, "a\0b"])
def test_some_names_have_no_address(name: str) -> None:
    assert resolve(name) == ()


def test_there_is_a_way_to_this_machine_but_none_to_a_broadcast() -> None:
    assert [is_reachable(address) for address in ("127.0.0.1", "127.9.9.9")] == [True, True]
    # in a process of its own, for here nobody may so much as ask for the way to the network
    asked = "from ztpurge.calls.addresses import is_reachable; print(is_reachable('255.255.255.255'))"
    told = subprocess.run([sys.executable, "-c", asked], cwd=TOP, capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


def test_an_address_takes_connections_where_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert takes_connections("127.0.0.1", port)
    assert not takes_connections("127.0.0.1", port)
