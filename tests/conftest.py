"""What all tests share: no network but loopback, a clock that does not wait, a CDN on loopback."""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from sandbox import Sandbox
from sandbox.varnish import EDGES, MISSING, EdgeKind, find_varnishd
from ztpurge.calls.clock import Clock
from ztpurge.calls.pace import Pace
from ztpurge.calls.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# in CI the same examples each time: a new one is found at a desk, not while somebody waits for a change to land
settings.register_profile(
    "ztpurge", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=os.environ.get("CI") == "true"
)
settings.load_profile("ztpurge")


def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers `pytest -n auto` starts: whole runs wait more than they compute."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that nobody waits for it alone in the end."""
    items.sort(key=lambda item: not item.name.startswith(("test_pushes_leave_nothing_stale", "test_a_storm")))


TOKEN = "a-token-that-nobody-may-see"


_connect = socket.socket.connect


def _connect_to_loopback(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - as socket has it
    if isinstance(address, tuple) and not ipaddress.ip_address(address[0]).is_loopback:
        raise AssertionError(f"a test tried to reach {address}")
    _connect(self, address)


# an audit hook would let another thread in while coverage begins to trace one, which CPython 3.11 refuses
socket.socket.connect = _connect_to_loopback  # type: ignore[assignment,method-assign]


class FakeClock(Clock):
    """A clock that stands still until somebody sleeps; its pauses are spread by `spread`."""

    def __init__(self, now: float = 1000.0, spread: float = 1.0) -> None:
        super().__init__()
        self._now = now
        self.spread = spread
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds

    def jitter(self) -> float:
        return self.spread

    def go_on(self, seconds: float) -> None:
        """Let time pass without anybody's sleep."""
        self._now += seconds


def make_scheduler(clock: Clock, *, seconds: float = 900.0, **changes: Any) -> Scheduler:  # noqa: ANN401 - its fields
    """Return a scheduler with an end in so many seconds, one call at a time without a pace, but for `changes`."""
    usual = Scheduler(
        clock=clock,
        pace=Pace(0, clock),
        concurrency=1,
        retries=2,
        request_timeout=100,
        end=clock.now() + seconds,
        limit="the run's `timeout`",
    )
    return replace(usual, **changes)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def token() -> str:
    return TOKEN


@pytest.fixture
def cdn(tmp_path: Path) -> Iterator[Sandbox]:
    folder = tmp_path / "served"
    folder.mkdir()
    with Sandbox(folder, hosts=("static.example.com", "www.example.com"), token=TOKEN) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def varnish() -> None:
    """Skip what needs Varnish where there is none, except where it has to be."""
    if find_varnishd() is None:
        if os.environ.get("ZTPURGE_REQUIRE_VARNISH"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)


@pytest.fixture(scope="session", params=EDGES)
def edge_kind(request: pytest.FixtureRequest) -> EdgeKind:
    """Run a test once with the sandbox's own edge and once with Varnish: `Sandbox(..., edge=edge_kind)`."""
    kind: EdgeKind = request.param
    if kind == "varnish":
        request.getfixturevalue("varnish")
    return kind


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder
